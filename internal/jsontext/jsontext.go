// Package jsontext finds in a JSON text what encoding/json passes over
// silently and another reader may take otherwise.
package jsontext

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// HalfSurrogate is the offset of the first \u escape that is half of a
// surrogate pair, or -1 if there is none (RFC 8259, section 8.2). encoding/json
// reads it as U+FFFD. The text must be valid JSON: there a backslash stands in
// strings alone, so no other state is needed.
func HalfSurrogate(text []byte) int {
	unit := func(i int) rune {
		if i+6 > len(text) || text[i] != '\\' || text[i+1] != 'u' {
			return 0
		}
		n, _ := strconv.ParseUint(string(text[i+2:i+6]), 16, 16)
		return rune(n)
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		first := unit(i)
		switch {
		case !utf16.IsSurrogate(first):
			i++
		case utf16.DecodeRune(first, unit(i+6)) == utf8.RuneError:
			return i
		default:
			i += 11
		}
	}
	return -1
}
