package cimd

// Limits of what is read at all. A fetcher should read one byte more than the
// limit and let the judgement refuse it.
const (
	// MaxDocument is the size of a metadata document in bytes: the "5 kilobytes"
	// of the draft's section 8.7 and of Auth0, read as 5 times 1024.
	MaxDocument = 5 * 1024
	// MaxKeySet is the size of a key set in bytes: Auth0's "12 KB".
	MaxKeySet = 12 * 1024
	// MaxDepth is how deep JSON may nest (RFC 8259 section 9 lets a reader choose).
	MaxDepth = 64
	// MaxDescription is Auth0's limit in UTF-16 units, the strictest way to count
	// its 140 characters.
	MaxDescription = 140
	// MinRSABits is the least modulus of RFC 7518 section 3.3, and of Auth0.
	MinRSABits = 2048
	// MaxRSABits is the greatest modulus that Auth0 takes.
	MaxRSABits = 4096
)
