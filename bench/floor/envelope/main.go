// Command envelope is the floor of verifying a bundle: the bare signature check. It imports
// the standard library only.
package main

import (
	"crypto/ed25519"
	"encoding/json"
	"os"
	"time"
)

func main() {
	public, private, _ := ed25519.GenerateKey(nil) // never fails
	message := make([]byte, 100<<10*3/4)           // what 100 KB of base64 hold
	signature := ed25519.Sign(private, message)
	calls, began := 0, time.Now()
	for time.Since(began) < 200*time.Millisecond {
		if !ed25519.Verify(public, message, signature) {
			os.Exit(1)
		}
		calls++
	}
	took := float64(time.Since(began).Nanoseconds()) / float64(calls)
	if json.NewEncoder(os.Stdout).Encode(map[string]float64{"verify": took}) != nil {
		os.Exit(1)
	}
}
