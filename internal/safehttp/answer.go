package safehttp

import (
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"clientkeeper/internal/fault"
)

// failStatus is the verdict on any status but 200. Draft section 5 knows no
// other success and no redirects.
func failStatus(resp *http.Response, now time.Time) *fault.Error {
	switch resp.StatusCode {
	case 301, 302, 303, 307, 308:
		return fail(fault.Invalid, ReasonRedirected,
			fmt.Sprintf("the answer is a redirect (status %d), and redirects are not followed", resp.StatusCode))
	}
	f := fail(kindOfStatus(resp.StatusCode), ReasonStatus, fmt.Sprintf("the answer has status %d", resp.StatusCode))
	if f.Kind.Transient() {
		f.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), now)
	}
	return f
}

func kindOfStatus(status int) fault.Kind {
	switch {
	case status == http.StatusTooManyRequests:
		return fault.RateLimited
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return fault.Unavailable
	case status == http.StatusNotFound, status == http.StatusGone:
		return fault.NotFound
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return fault.Denied
	}
	return fault.Invalid
}

// retryAfter reads RFC 9110 section 10.2.3: seconds or a date. A wait beyond a
// day is a day; what cannot be read is zero.
func retryAfter(value string, now time.Time) time.Duration {
	const longest = 24 * time.Hour
	var wait time.Duration
	if s, err := strconv.ParseUint(value, 10, 31); err == nil {
		wait = time.Duration(s) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), longest)
}

// judgeHeader refuses content codings, and media types unless any will do.
func judgeHeader(h http.Header, anyType bool) (warnings []string, err error) {
	for _, coding := range h.Values("Content-Encoding") {
		if c := strings.TrimSpace(coding); c != "" && !strings.EqualFold(c, "identity") {
			return nil, fail(fault.Invalid, ReasonContentEncoding, "the body has a content coding that was not asked for")
		}
	}
	if anyType {
		return nil, nil
	}
	types := slices.Compact(slices.Clone(h.Values("Content-Type")))
	if len(types) == 0 || len(types) == 1 && strings.TrimSpace(types[0]) == "" {
		return []string{WarnContentTypeMissing}, nil
	}
	if len(types) > 1 {
		return nil, fail(fault.Invalid, ReasonContentType, "the answer has several media types")
	}
	return judgeType(types[0])
}

func judgeType(value string) (warnings []string, err error) {
	media, params, err := mime.ParseMediaType(value)
	subtype, ok := strings.CutPrefix(media, "application/")
	if err != nil || !ok || subtype != "json" && !strings.HasSuffix(subtype, "+json") {
		return nil, fail(fault.Invalid, ReasonContentType, "the media type is neither application/json nor application/<something>+json")
	}
	if subtype == "+json" {
		warnings = append(warnings, WarnContentTypeSuffix)
	}
	if cs := params["charset"]; cs != "" && !strings.EqualFold(cs, "utf-8") && !strings.EqualFold(cs, "us-ascii") {
		warnings = append(warnings, WarnCharset)
	}
	return warnings, nil
}
