package main

import (
	"context"
	"crypto/ed25519"
	"strings"

	"crontopus.dev/crontopus/envelope"
)

var envelopeCases = []Case{{
	Name: "envelope/verify",
	What: "Verifying a bundle of 100 KB, from the file's bytes to its payload. Floor: the bare ed25519 check over the same number of bytes.",
	Run:  verifyEnvelope,
}}

func verifyEnvelope(ctx context.Context, b *Bench) ([]Figure, error) {
	const payloadType = "application/vnd.crontopus.bundle+json"
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	raw, err := envelope.Sign(payloadType, []byte(strings.Repeat(`{"metadata":{"name":"nightly"}},`, 100<<10/32*3/4)), private)
	if err != nil {
		return nil, err
	}
	keys := map[string]ed25519.PublicKey{envelope.KeyID(public): public}
	var product, floor Samples
	err = b.Turns(ctx, func(context.Context) error {
		if _, _, err := envelope.Verify(raw, payloadType, keys); err != nil {
			return err
		}
		took, _ := briefly(func() { _, _, _ = envelope.Verify(raw, payloadType, keys) })
		product = append(product, took/1000)
		return nil
	}, func(ctx context.Context) error {
		took, err := Measure[nanoseconds](ctx, b, "envelope")
		floor = append(floor, took["verify"]/1000)
		return err
	})
	return []Figure{{Name: "100 KB", Unit: "µs", Product: product.Median(), Floor: floor.Median(), Reach: AtMost(3)}}, err
}
