package apigateway

import (
	"context"
	"crypto/rsa"
	"errors"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// algorithms are those that RSA keys sign with.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512}

func isRSA(k jose.JSONWebKey) bool {
	_, ok := k.Key.(*rsa.PublicKey)
	return ok
}

// verify returns the claims of a good token. An error is the sentence that the
// caller is told; nothing of the token is in it.
func (s *issuers) verify(ctx context.Context, a *Authorizer, token string) (claims, error) {
	if strings.Count(token, ".") != 2 {
		return nil, errors.New("token contains an invalid number of segments")
	}
	parsed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil || len(parsed.Signatures) != 1 {
		return nil, errors.New("the token is malformed or its signing method is invalid")
	}
	header := parsed.Signatures[0].Protected
	if header.KeyID == "" {
		return nil, errors.New("the token has no kid")
	}
	keys, err := s.keys(ctx, a.Issuer, header.KeyID)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if k.Algorithm != "" && k.Algorithm != header.Algorithm {
			continue
		}
		payload, err := parsed.Verify(k.Key)
		if err != nil {
			continue
		}
		c, err := readClaims(payload)
		if err == nil {
			err = c.check(a, s.now())
		}
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	return nil, errors.New("signature is invalid")
}
