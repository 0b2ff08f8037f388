package credential

import (
	"crypto/rsa"
	"math/big"

	"clientkeeper/internal/cimd"
)

// maxExponent is what cimd and Go's own parser take (31 bits).
const maxExponent = 1<<31 - 1

// judgeRSA refuses keys that are too small, too large, or that anybody factors.
func judgeRSA(key *rsa.PublicKey) error {
	switch bits := key.N.BitLen(); {
	case key.N.Sign() <= 0 || bits < cimd.MinRSABits:
		return weak("the RSA key has fewer than 2048 bits")
	case bits > cimd.MaxRSABits:
		return unusable("key_unsupported", "the RSA key has more than 4096 bits, which Auth0 does not take")
	case key.E < 3 || key.E > maxExponent || key.E%2 == 0:
		return weak("the RSA key's exponent is even, below 3 or above 31 bits")
	case new(big.Int).GCD(nil, nil, key.N, smallPrimes).Cmp(big.NewInt(1)) != 0:
		return weak("the RSA key's modulus has a small factor")
	case key.N.ProbablyPrime(0):
		return weak("the RSA key's modulus is a prime, so its private exponent is no secret")
	case closePrimes(key.N):
		return weak("the RSA key's primes are next to each other")
	}
	return nil
}

// closeSteps is how far Fermat's factorization is tried. Keys that were made by
// a faulty generator fall within a few steps (CVE-2022-26320).
const closeSteps = 100

// closePrimes reports whether n is a product of two numbers that are nearly the
// same: a*a-n is a square for some a a little above the root of n.
func closePrimes(n *big.Int) bool {
	a := new(big.Int).Sqrt(n)
	rest, root := new(big.Int), new(big.Int)
	for range closeSteps {
		rest.Sub(rest.Mul(a, a), n)
		if rest.Sign() >= 0 {
			root.Sqrt(rest)
			if root.Mul(root, root).Cmp(rest) == 0 {
				return true
			}
		}
		a.Add(a, big.NewInt(1))
	}
	return false
}

// smallPrimes is the product of the primes below 1000.
var smallPrimes = func() *big.Int {
	out := big.NewInt(1)
	for n := int64(2); n < 1000; n++ {
		if big.NewInt(n).ProbablyPrime(0) {
			out.Mul(out, big.NewInt(n))
		}
	}
	return out
}()
