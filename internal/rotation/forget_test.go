package rotation

import (
	"testing"
	"testing/synctest"
)

// A client that went back to a secret is rotated again before its old key was
// retired: that is the last rotation that knows whose the key is.
func TestTheNextSecretTakesTheOldKeyAlong(t *testing.T) {
	tests := map[string]struct {
		used bool // by another slot
		left int
	}{"ours": {false, 0}, "in another slot": {true, 1}}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r := scenario{nil, keyJSON, nil, KindSecret}.prepare(t)
				c := w.state.clients[client]
				if tt.used {
					c.Elsewhere = []string{c.pool[0].ID}
				}
				for n, left := range []int{1, tt.left} {
					if err := w.engine(r, tokenOf(n+1), 1); err != nil {
						t.Fatal(err)
					}
					if len(c.pool) != left {
						t.Errorf("after rotation %d: %d keys in the pool, want %d", n+1, len(c.pool), left)
					}
				}
				w.report()
			})
		})
	}
}
