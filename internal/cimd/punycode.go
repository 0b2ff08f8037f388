package cimd

import (
	"slices"
	"strings"
	"unicode"
)

// The parameters of RFC 3492 section 5.
const (
	punyBase, punyMin, punyMax, punySkew, punyDamp = 36, 1, 26, 38, 700
	punyStart, punyBias                            = 128, 72
)

// punycode decodes the part of an A-label after "xn--" (RFC 3492 section 6.2).
func punycode(s string) (string, bool) {
	var out []rune
	if cut := strings.LastIndexByte(s, '-'); cut >= 0 {
		out, s = []rune(s[:cut]), s[cut+1:]
	}
	n, i, bias := punyStart, 0, punyBias
	for s != "" {
		before, weight := i, 1
		for k := punyBase; ; k += punyBase {
			if s == "" {
				return "", false
			}
			digit := strings.IndexByte("abcdefghijklmnopqrstuvwxyz0123456789", s[0])
			s = s[1:]
			if digit < 0 || digit > (unicode.MaxRune-i)/weight {
				return "", false
			}
			i += digit * weight
			t := min(max(k-bias, punyMin), punyMax)
			if digit < t {
				break
			}
			weight *= punyBase - t
		}
		size := len(out) + 1
		bias = punyAdapt(i-before, size, before == 0)
		n, i = n+i/size, i%size
		if n > unicode.MaxRune {
			return "", false
		}
		out = slices.Insert(out, i, rune(n))
		i++
	}
	return string(out), true
}

// punyAdapt is the bias adaptation of section 6.1.
func punyAdapt(delta, size int, first bool) int {
	if first {
		delta /= punyDamp
	} else {
		delta /= 2
	}
	delta += delta / size
	k := 0
	for ; delta > (punyBase-punyMin)*punyMax/2; k += punyBase {
		delta /= punyBase - punyMin
	}
	return k + (punyBase-punyMin+1)*delta/(delta+punySkew)
}
