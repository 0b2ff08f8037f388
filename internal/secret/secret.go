// Package secret holds text that must not be printed, logged or encoded by
// accident.
package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

const mask = "[secret]"

// A Value is a secret string. Printing one prints a mask; encoding one fails.
// [Value.Reveal] is the only way out, so that a search for "Reveal" finds every
// use. The zero Value holds nothing.
//
// The text sits inside a function because fmt calls no methods on unexported
// struct fields: it walks them, and prints what it finds. Neither fmt nor any
// other walker by reflection can look into a function. It also makes == a
// compile error, which leaves [Value.Equal], in constant time.
type Value struct{ reveal func() string }

// New holds s. An empty s gives the zero Value.
func New(s string) Value {
	if s == "" {
		return Value{}
	}
	return Value{func() string { return s }}
}

// Reveal returns the text.
func (v Value) Reveal() string {
	if v.reveal == nil {
		return ""
	}
	return v.reveal()
}

// IsZero reports whether there is nothing to keep secret.
func (v Value) IsZero() bool { return v.reveal == nil }

// Equal compares in a time that depends on the lengths alone.
func (v Value) Equal(w Value) bool {
	return subtle.ConstantTimeCompare([]byte(v.Reveal()), []byte(w.Reveal())) == 1
}

// Format prints the mask for every verb.
func (Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, mask) }

// String is the mask.
func (Value) String() string { return mask }

// LogValue is the mask.
func (Value) LogValue() slog.Value { return slog.StringValue(mask) }

var errEncode = errors.New("secret: a Value cannot be encoded; call Reveal where that is meant")

// MarshalText always fails. A mask here would be stored as if it were the
// secret, which is worse than an error.
func (Value) MarshalText() ([]byte, error) { return nil, errEncode }

// MarshalBinary always fails, for gob and its like.
func (Value) MarshalBinary() ([]byte, error) { return nil, errEncode }

// UnmarshalText takes the text in, so that decoders can fill a Value.
func (v *Value) UnmarshalText(text []byte) error {
	*v = New(string(text))
	return nil
}
