package demo

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// Variables by which the repository's post-receive hook learns where to send its webhook.
const (
	envHookURL    = "CRONTOPUS_DEMO_WEBHOOK_URL"
	envHookSecret = "CRONTOPUS_DEMO_WEBHOOK_SECRET_FILE"
)

// SendWebhook plays the forge's part: git runs it as a post-receive hook, with a line
// "OLD NEW REF" on in for each pushed reference, and it sends the signed delivery that
// Forgejo would send.
func SendWebhook(ctx context.Context, in io.Reader) error {
	secret, err := os.ReadFile(os.Getenv(envHookSecret))
	if err != nil {
		return fmt.Errorf("%s: %w", envHookSecret, err)
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 {
			return fmt.Errorf("a post-receive hook reads OLD NEW REF, not %q", lines.Text())
		}
		if err := deliver(ctx, os.Getenv(envHookURL), bytes.TrimSpace(secret), fields[0], fields[1], fields[2]); err != nil {
			return err
		}
	}
	return lines.Err()
}

func deliver(ctx context.Context, url string, secret []byte, before, after, ref string) error {
	body, err := json.Marshal(map[string]any{"ref": ref, "before": before, "after": after, "commits": []any{}})
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Forgejo-Event", "push")
	req.Header.Set("X-Forgejo-Signature", hex.EncodeToString(mac.Sum(nil)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		answer, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // only to say more
		return fmt.Errorf("the webhook was answered %s: %s", resp.Status, answer)
	}
	return nil
}
