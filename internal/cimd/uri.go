package cimd

import (
	"fmt"
	"strings"
)

// A uri is an absolute URI taken apart by the grammar of RFC 3986. Every part
// is as written: nothing is decoded, folded or resolved, because client ids and
// redirect URIs are compared byte for byte. net/url is no use here; it accepts
// and repairs what is not a URI, and drops an empty fragment.
type uri struct {
	scheme                                          string
	userinfo, host, port                            string
	path, query, fragment                           string
	hasAuthority, hasUser, hasPort, hasQuery, hasFr bool
}

// A syntaxError says why a string is not a URI.
type syntaxError struct {
	kind syntaxKind
	text string
}

type syntaxKind int

const (
	badSpace syntaxKind = iota + 1
	badCharacter
	badPercent
	badScheme // relative, or no scheme at all
	badHost
	badPort
)

const (
	alpha      = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits     = "0123456789"
	hexDigits  = digits + "abcdefABCDEF"
	unreserved = alpha + digits + "-._~"
	subDelims  = "!$&'()*+,;="
	pathChars  = unreserved + subDelims + ":@/"
)

// parseURI reads raw as an absolute URI.
func parseURI(raw string) (uri, *syntaxError) {
	var u uri
	if err := plainASCII(raw); err != nil {
		return u, err
	}
	rest, err := u.takeScheme(raw)
	if err != nil {
		return u, err
	}
	rest, u.fragment, u.hasFr = strings.Cut(rest, "#")
	rest, u.query, u.hasQuery = strings.Cut(rest, "?")
	u.path = rest
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		u.hasAuthority = true
		end := strings.IndexByte(after, '/')
		if end < 0 {
			end = len(after)
		}
		u.path = after[end:]
		if err := u.takeAuthority(after[:end]); err != nil {
			return u, err
		}
	}
	for _, part := range []struct{ name, text, chars string }{
		{"path", u.path, pathChars},
		{"query", u.query, pathChars + "?"},
		{"fragment", u.fragment, pathChars + "?"},
	} {
		if err := onlyChars(part.name, part.text, part.chars); err != nil {
			return u, err
		}
	}
	return u, nil
}

// plainASCII refuses what no part of a URI may contain, with the byte where it
// stands.
func plainASCII(raw string) *syntaxError {
	for i := range len(raw) {
		switch c := raw[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			return &syntaxError{badSpace, fmt.Sprintf("white space %q at byte %d", c, i)}
		case c < ' ' || c == 0x7f:
			return &syntaxError{badCharacter, fmt.Sprintf("control character %#02x at byte %d", c, i)}
		case c >= 0x80:
			return &syntaxError{badCharacter, fmt.Sprintf("byte %d is not ASCII", i)}
		case strings.IndexByte("\"<>\\^`{|}", c) >= 0:
			return &syntaxError{badCharacter, fmt.Sprintf("character %q at byte %d, which no URI may contain", c, i)}
		case c == '%' && (i+2 >= len(raw) || !isHex(raw[i+1]) || !isHex(raw[i+2])):
			return &syntaxError{badPercent, fmt.Sprintf("'%%' at byte %d is not followed by two hex digits", i)}
		}
	}
	return nil
}

func (u *uri) takeScheme(raw string) (rest string, err *syntaxError) {
	scheme, rest, ok := strings.Cut(raw, ":")
	if !ok || scheme == "" || strings.IndexByte(alpha, scheme[0]) < 0 || strings.Trim(scheme, alpha+digits+"+-.") != "" {
		return "", &syntaxError{badScheme, "it does not begin with a scheme such as https"}
	}
	u.scheme = scheme
	return rest, nil
}

func (u *uri) takeAuthority(s string) *syntaxError {
	if user, after, ok := strings.Cut(s, "@"); ok {
		u.userinfo, u.hasUser, s = user, true, after
		if err := onlyChars("userinfo", user, unreserved+subDelims+":"); err != nil {
			return err
		}
	}
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return &syntaxError{badHost, "the '[' of the host is never closed"}
		}
		u.host, s = s[:end+1], s[end+1:]
		if s != "" && s[0] != ':' {
			return &syntaxError{badHost, "there is text after the ']' of the host"}
		}
		u.port, u.hasPort = strings.CutPrefix(s, ":")
	} else {
		u.host, u.port, u.hasPort = strings.Cut(s, ":")
		if err := onlyChars("host", u.host, unreserved+subDelims); err != nil {
			return &syntaxError{badHost, err.text}
		}
	}
	if strings.Trim(u.port, digits) != "" {
		return &syntaxError{badPort, "the port is not a number"}
	}
	return nil
}

// onlyChars accepts the given characters and percent-encoded bytes.
func onlyChars(part, s, chars string) *syntaxError {
	for i := range len(s) {
		if c := s[i]; c != '%' && strings.IndexByte(chars, c) < 0 {
			return &syntaxError{badCharacter, fmt.Sprintf("character %q in its %s", c, part)}
		}
	}
	return nil
}

func isHex(c byte) bool { return strings.IndexByte(hexDigits, c) >= 0 }

// is reports whether the scheme is one of these, in whatever case.
func (u uri) is(schemes ...string) bool {
	for _, s := range schemes {
		if strings.EqualFold(u.scheme, s) {
			return true
		}
	}
	return false
}

// badPortNumber says what is wrong with a port that is made of digits.
func (u uri) badPortNumber() string {
	switch port := strings.TrimLeft(u.port, "0"); {
	case u.port == "":
		return ""
	case port == "":
		return "port 0 is reserved, nothing can listen there"
	case len(port) > 5 || len(port) == 5 && port > "65535":
		return "the port is above 65535"
	}
	return ""
}

// dotSegment reports whether the path has a "." or ".." segment, plain or
// percent-encoded.
func dotSegment(path string) bool {
	for seg := range strings.SplitSeq(path, "/") {
		switch decodeOnly(seg, ".") {
		case ".", "..":
			return true
		}
	}
	return false
}

// decodeOnly decodes those percent-encoded bytes that stand for one of chars.
func decodeOnly(s, chars string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c := unhex(s[i+1])<<4 | unhex(s[i+2]); strings.IndexByte(chars, c) >= 0 {
				b.WriteByte(c)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}
