package secretsmanager

import "strings"

type passwordInput struct {
	PasswordLength          *int
	ExcludeCharacters       string
	ExcludeNumbers          bool
	ExcludePunctuation      bool
	ExcludeUppercase        bool
	ExcludeLowercase        bool
	IncludeSpace            bool
	RequireEachIncludedType *bool
}

type passwordOutput struct{ RandomPassword string }

const maxPassword = 4096

// getRandomPassword draws from the kinds of characters that are not excluded,
// and takes at least one of each unless told otherwise.
func (c *call) getRandomPassword(in *passwordInput) (any, error) {
	length := 32
	if in.PasswordLength != nil {
		length = *in.PasswordLength
	}
	if length < 1 || length > maxPassword {
		return nil, invalidParameter("PasswordLength must be between 1 and %d.", maxPassword)
	}
	var v validation
	v.text("ExcludeCharacters", in.ExcludeCharacters, 0, maxPassword)
	if err := v.err(); err != nil {
		return nil, err
	}
	kinds := in.kinds()
	alphabet := strings.Join(kinds, "")
	if in.IncludeSpace && !strings.Contains(in.ExcludeCharacters, " ") {
		alphabet += " "
	}
	if alphabet == "" {
		return nil, invalidParameter("Every character is excluded from the password.")
	}
	if in.RequireEachIncludedType != nil && !*in.RequireEachIncludedType {
		kinds = nil
	}
	if length < len(kinds) {
		return nil, invalidParameter("Password length is too short based on the required types.")
	}
	return passwordOutput{draw(length, kinds, alphabet)}, nil
}

// kinds are the alphabets that are left after the exclusions.
func (in *passwordInput) kinds() []string {
	var out []string
	for _, kind := range []struct {
		excluded bool
		alphabet string
	}{
		{in.ExcludeLowercase, "abcdefghijklmnopqrstuvwxyz"},
		{in.ExcludeUppercase, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
		{in.ExcludeNumbers, "0123456789"},
		{in.ExcludePunctuation, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"},
	} {
		left := strings.Map(func(r rune) rune {
			if strings.ContainsRune(in.ExcludeCharacters, r) {
				return -1
			}
			return r
		}, kind.alphabet)
		if !kind.excluded && left != "" {
			out = append(out, left)
		}
	}
	return out
}

// draw makes a password with at least one character of each kind, in places
// that tell nothing: it begins with those and then shuffles.
func draw(length int, kinds []string, alphabet string) string {
	password := make([]byte, 0, length)
	for _, kind := range kinds {
		password = append(password, kind[randomBelow(len(kind))])
	}
	for len(password) < length {
		password = append(password, alphabet[randomBelow(len(alphabet))])
	}
	for i := len(password) - 1; i > 0; i-- {
		j := randomBelow(i + 1)
		password[i], password[j] = password[j], password[i]
	}
	return string(password)
}
