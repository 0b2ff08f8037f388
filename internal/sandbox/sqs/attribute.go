package sqs

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An attribute is a message attribute or a message system attribute, as on the
// wire. A nil value means that the member was absent.
type attribute struct {
	DataType    string  `json:"DataType"`
	StringValue *string `json:"StringValue,omitempty"`
	BinaryValue []byte  `json:"BinaryValue,omitempty"`
}

const maxAttributes = 10

var (
	attributeName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)
	reservedName  = regexp.MustCompile(`(?i)^(aws|amazon)\.`)
	numberValue   = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$`)
)

// binary reports whether the value is bytes, by the type's prefix.
func (a attribute) binary() bool { return kindOf(a.DataType) == "Binary" }

// kindOf is the logical type, without a custom label such as ".png".
func kindOf(dataType string) string {
	kind, _, _ := strings.Cut(dataType, ".")
	return kind
}

func (a attribute) value() []byte {
	if a.binary() {
		return a.BinaryValue
	}
	if a.StringValue == nil {
		return nil
	}
	return []byte(*a.StringValue)
}

// checkAttributes applies the Developer Guide's "Amazon SQS message
// attributes" to what a producer sent.
func checkAttributes(attributes map[string]attribute) *apiError {
	if len(attributes) > maxAttributes {
		return invalidParameter("Number of message attributes [%d] exceeds the allowed maximum [%d].",
			len(attributes), maxAttributes)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if !attributeName.MatchString(name) || len(name) > 256 || reservedName.MatchString(name) {
			return invalidParameter("Message (user) attribute name '%s' is invalid: it can contain A-Z, a-z, 0-9, "+
				"underscore, hyphen and single inner periods, at most 256 characters, and must not start with AWS. or Amazon.",
				clip(name))
		}
		if err := attributes[name].check(name); err != nil {
			return err
		}
	}
	return nil
}

func (a attribute) check(name string) *apiError {
	kind := kindOf(a.DataType)
	switch {
	case a.DataType == "":
		return invalidParameter("The message (user) attribute '%s' must contain a non-empty message attribute type.", name)
	case kind != "String" && kind != "Number" && kind != "Binary", len(a.DataType) > 256:
		return invalidParameter("The type of message (user) attribute '%s' is invalid. You must use only the following "+
			"supported type prefixes: Binary, Number, String.", name)
	case len(a.value()) == 0:
		return invalidParameter("Message (user) attribute '%s' must contain a non-empty value of type '%s'.", name, kind)
	case kind == "Binary" && a.StringValue != nil, kind != "Binary" && a.BinaryValue != nil:
		return invalidParameter("Message (user) attribute '%s' has a value of another type than '%s'.", name, kind)
	case kind == "Number" && !numberValue.MatchString(*a.StringValue):
		return invalidParameter("Can't cast the value of message (user) attribute '%s' to a number.", name)
	case kind != "Binary" && !validText(*a.StringValue):
		return invalidParameter("Message (user) attribute '%s' contains characters outside the allowed set.", name)
	}
	return nil
}

// checkSystem accepts what the API Reference allows in MessageSystemAttributes.
func checkSystem(attributes map[string]attribute) *apiError {
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if name != "AWSTraceHeader" {
			return invalidParameter("Message system attribute name '%s' is invalid. You must use only the following "+
				"supported system attributes: AWSTraceHeader.", clip(name))
		}
		a := attributes[name]
		if a.DataType != "String" || a.StringValue == nil || *a.StringValue == "" || !validText(*a.StringValue) {
			return invalidParameter("Message system attribute '%s' must contain a non-empty value of type 'String'.", name)
		}
	}
	return nil
}

// validText reports whether s has only the characters that the API Reference
// allows in a message.
func validText(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return false
		}
	}
	return true
}

// size is what the attributes add to a message: names, types and values.
func size(attributes map[string]attribute) int {
	n := 0
	for name, a := range attributes {
		n += len(name) + len(a.DataType) + len(a.value())
	}
	return n
}

func md5Text(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// md5Attributes follows the Developer Guide, "Calculating the MD5 message
// digest for message attributes": by name, each part with its length before it,
// a byte that says whether the value is text or bytes. It is empty for none.
func md5Attributes(attributes map[string]attribute) string {
	if len(attributes) == 0 {
		return ""
	}
	h := md5.New()
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		part(h, []byte(name))
		part(h, []byte(a.DataType))
		if a.binary() {
			h.Write([]byte{2})
		} else {
			h.Write([]byte{1})
		}
		part(h, a.value())
	}
	return hex.EncodeToString(h.Sum(nil))
}

func part(h hash.Hash, b []byte) {
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b))))
	h.Write(b)
}

// selectAttributes is the part of attributes that a receiver asked for, by
// name, by "prefix.*", or by "All" or ".*".
func selectAttributes(attributes map[string]attribute, wanted []string) map[string]attribute {
	out := make(map[string]attribute)
	for name, a := range attributes {
		if slices.ContainsFunc(wanted, func(w string) bool {
			prefix, wild := strings.CutSuffix(w, ".*")
			return w == "All" || w == name || wild && (prefix == "" || strings.HasPrefix(name, prefix))
		}) {
			out[name] = a
		}
	}
	return out
}

// between reads a whole number in [low, high].
func between(s string, low, high int) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && low <= n && n <= high
}
