package safehttp

import (
	"context"
	"errors"
	"net"
	"syscall"

	"clientkeeper/internal/fault"
)

// Reasons of the errors of [Client.Get], for programs; the kind of the error
// says whether another try can help.
const (
	ReasonURL             = "url"                 // not a URL that is fetched
	ReasonSpecialUse      = "special_use_address" // not an address of the public internet
	ReasonDNS             = "dns"                 // the name has no address, or nobody could say
	ReasonConnection      = "connection"          // refused, unreachable, reset, or cut off
	ReasonTimeout         = "timeout"             // the deadline of the fetch, or of the caller
	ReasonCanceled        = "canceled"            // the caller gave up
	ReasonTLS             = "tls"                 // no trusted connection
	ReasonNotHTTP         = "not_http"            // the answer does not begin like HTTP
	ReasonMalformed       = "malformed_response"  // it does, and then breaks the rules
	ReasonHeaderTooLarge  = "header_too_large"    // more header than MaxHeaderBytes
	ReasonRedirected      = "redirected"          // redirects are not followed
	ReasonStatus          = "bad_status"          // any other status than 200
	ReasonContentEncoding = "content_encoding"    // a coding that was not asked for
	ReasonContentType     = "content_type"        // not JSON
	ReasonTooLarge        = "too_large"           // more body than MaxBytes
)

// Warnings of a [Response]: accepted, but worth telling its owner.
const (
	WarnContentTypeMissing = "content_type_missing" // no media type at all
	WarnContentTypeSuffix  = "content_type_suffix"  // application/+json, a suffix of nothing
	WarnCharset            = "charset"              // a charset that JSON does not have (RFC 8259 section 8.1)
)

// failWire is a failure of the network while doing what doing says. The text of
// err is dropped, since parsers quote what they read; a context that ended
// explains everything else.
func failWire(ctx context.Context, doing string, err error) *fault.Error {
	var timeout net.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		f := fail(fault.Unavailable, ReasonCanceled, doing)
		f.Err = context.Canceled
		return f
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		return fail(fault.Unavailable, ReasonTimeout, doing)
	}
	f := fail(fault.Unavailable, ReasonConnection, doing)
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		f.Err = errno
	}
	return f
}
