package app

import (
	"strings"
	"testing"

	"clientkeeper/internal/secret"
)

// A signing secret may be stored as it is handed out, or as Secrets Manager
// generates it.
func TestSigningKey(t *testing.T) {
	const generated = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr" // 44 letters and digits
	tests := map[string]struct {
		stored string
		ok     bool
	}{
		"with its prefix": {`{"whsec":"whsec_` + generated + `"}`, true},
		"generated":       {`{"whsec":"` + generated + `"}`, true},
		"another prefix":  {`{"whsec":"whsk_` + generated + `"}`, false},
		"empty":           {`{"whsec":""}`, false},
		"absent":          {`{}`, false},
		"a number":        {`{"whsec":7}`, false},
		"not JSON":        {generated, false},
		"too short":       {`{"whsec":"` + generated[:28] + `"}`, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := SigningKey(secret.New(test.stored))
			if (err == nil) != test.ok {
				t.Errorf("%v, want ok %v", err, test.ok)
			}
			if err != nil && strings.Contains(err.Error(), generated[:20]) {
				t.Errorf("the secret is told: %v", err)
			}
		})
	}
}
