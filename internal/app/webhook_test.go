package app

import (
	"context"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
	"clientkeeper/internal/webhook"
)

// shelfOfKeys is a secret by its labels, and counts how often it is read.
type shelfOfKeys struct {
	values map[string]string
	errs   map[string]error
	reads  int
}

func (s *shelfOfKeys) read(_ context.Context, stage string) (secret.Value, error) {
	s.reads++
	if err := s.errs[stage]; err != nil {
		return secret.Value{}, err
	}
	if s.values[stage] == "" {
		return secret.Value{}, fault.NotFound
	}
	return secret.New(s.values[stage]), nil
}

func signingSecret(n byte) string {
	key := make([]byte, 32)
	key[0] = n
	return fmt.Sprintf(`{"whsec":"whsec_%s","note":"kept"}`, base64.StdEncoding.EncodeToString(key))
}

func TestAllSigningSecretsInUseVerify(t *testing.T) {
	now := time.Unix(1614265330, 0)
	shelf := &shelfOfKeys{values: map[string]string{"AWSCURRENT": signingSecret(1), "AWSPREVIOUS": signingSecret(2), "AWSPENDING": signingSecret(3)}}
	ring := &keyRing{read: shelf.read, now: func() time.Time { return now }}
	verifies := func(n byte) bool {
		t.Helper()
		key, err := (&keyRing{read: (&shelfOfKeys{values: map[string]string{"x": signingSecret(n)}}).read}).key(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		keys, err := ring.keys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return webhook.Verify(webhook.Sign("m", now, []byte("{}"), key), []byte("{}"), now, keys...) == nil
	}
	for n, want := range map[byte]bool{1: true, 2: true, 3: true, 4: false} {
		if verifies(n) != want {
			t.Errorf("secret %d verifies: %v", n, !want)
		}
	}
	if shelf.reads != 3 {
		t.Errorf("%d reads within a minute, want 3", shelf.reads)
	}
	// The rotation comes to its end: 3 is current, 1 is previous, 2 is no more.
	shelf.values = map[string]string{"AWSCURRENT": signingSecret(3), "AWSPREVIOUS": signingSecret(1)}
	now = now.Add(59 * time.Second)
	if !verifies(2) {
		t.Error("it is read again within the minute")
	}
	now = now.Add(2 * time.Second)
	for n, want := range map[byte]bool{1: true, 2: false, 3: true} {
		if verifies(n) != want {
			t.Errorf("after the rotation, secret %d verifies: %v", n, !want)
		}
	}
}

func TestSigningSecretsThatCannotBeRead(t *testing.T) {
	for name, test := range map[string]struct {
		shelf shelfOfKeys
		fails bool
	}{
		"no secret":              {shelfOfKeys{}, true},
		"not JSON":               {shelfOfKeys{values: map[string]string{"AWSCURRENT": "whsec_x"}}, true},
		"a bad secret":           {shelfOfKeys{values: map[string]string{"AWSCURRENT": `{"whsec":"x"}`}}, true},
		"only the current one":   {shelfOfKeys{values: map[string]string{"AWSCURRENT": signingSecret(1)}}, false},
		"a bad one before it":    {shelfOfKeys{values: map[string]string{"AWSCURRENT": signingSecret(1), "AWSPREVIOUS": "x"}}, false},
		"the store is away":      {shelfOfKeys{errs: map[string]error{"AWSCURRENT": fault.Unavailable}}, true},
		"it is away for another": {shelfOfKeys{values: map[string]string{"AWSCURRENT": signingSecret(1)}, errs: map[string]error{"AWSPREVIOUS": fault.RateLimited}}, true},
	} {
		ring := &keyRing{read: test.shelf.read, now: time.Now}
		keys, err := ring.keys(t.Context())
		if (err != nil) != test.fails || err == nil && len(keys) != 1 {
			t.Errorf("%s: %d keys, %v", name, len(keys), err)
		}
	}
}
