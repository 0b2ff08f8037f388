package sqs

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"clientkeeper/internal/jsontext"
)

// decode reads the request into a struct of wire.go.
func (c *call) decode(in any) *apiError {
	if c.form != nil {
		return decodeForm(c.form, "", reflect.ValueOf(in).Elem())
	}
	if !utf8.Valid(c.body) {
		return malformed("The request is not UTF-8.")
	}
	if err := decodeJSON(c.body, reflect.ValueOf(in).Elem()); err != nil {
		return malformed("The request could not be read: " + err.Error())
	}
	if jsontext.HalfSurrogate(c.body) >= 0 { // which is no character
		return invalidContents()
	}
	return nil
}

// decodeJSON is json.Unmarshal with exact names. The package encoding/json
// also takes "queueurl" for "QueueUrl"; AWS does not, and a client that
// misspells a member should find out here.
func decodeJSON(raw json.RawMessage, v reflect.Value) error {
	if bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return nil
	}
	switch {
	case v.Kind() == reflect.Struct:
		var members map[string]json.RawMessage
		if err := json.Unmarshal(raw, &members); err != nil {
			return err
		}
		return decodeMembers(members, v)
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		var items []json.RawMessage
		if err := json.Unmarshal(raw, &items); err != nil {
			return err
		}
		v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
		for i, item := range items {
			if err := decodeJSON(item, v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	case v.Kind() == reflect.Map && v.Type().Elem().Kind() == reflect.Struct:
		var items map[string]json.RawMessage
		if err := json.Unmarshal(raw, &items); err != nil {
			return err
		}
		v.Set(reflect.MakeMap(v.Type()))
		for key, item := range items {
			elem := reflect.New(v.Type().Elem()).Elem()
			if err := decodeJSON(item, elem); err != nil {
				return err
			}
			v.SetMapIndex(reflect.ValueOf(key), elem)
		}
		return nil
	}
	return json.Unmarshal(raw, v.Addr().Interface())
}

func decodeMembers(members map[string]json.RawMessage, v reflect.Value) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Anonymous {
			if err := decodeMembers(members, v.Field(i)); err != nil {
				return err
			}
			continue
		}
		if raw, ok := members[member(field)]; ok {
			if err := decodeJSON(raw, v.Field(i)); err != nil {
				return fmt.Errorf("%s: %w", member(field), err)
			}
		}
	}
	return nil
}

// member is the name of a field on the wire.
func member(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

// setText sets a string, number or byte value, or a pointer to one, from text.
func setText(v reflect.Value, name, text string) *apiError {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return invalidValue(clip(text), name, "Must be an integer.")
		}
		v.SetInt(n)
	default: // []byte
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return invalidValue(clip(text), name, "Must be base64.")
		}
		v.SetBytes(b)
	}
	return nil
}
