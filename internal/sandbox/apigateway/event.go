package apigateway

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// An event is payload format 2.0. What is absent is left out, not null.
type event struct {
	Version        string            `json:"version"`
	RouteKey       string            `json:"routeKey"`
	RawPath        string            `json:"rawPath"`
	RawQuery       string            `json:"rawQueryString"`
	Cookies        []string          `json:"cookies,omitempty"`
	Headers        map[string]string `json:"headers"`
	Query          map[string]string `json:"queryStringParameters,omitempty"`
	Context        requestContext    `json:"requestContext"`
	PathParameters map[string]string `json:"pathParameters,omitempty"`
	Body           *string           `json:"body,omitempty"`
	Base64         bool              `json:"isBase64Encoded"`
}

type requestContext struct {
	AccountID    string          `json:"accountId"`
	APIID        string          `json:"apiId"`
	Authorizer   json.RawMessage `json:"authorizer,omitempty"`
	DomainName   string          `json:"domainName"`
	DomainPrefix string          `json:"domainPrefix"`
	HTTP         httpContext     `json:"http"`
	RequestID    string          `json:"requestId"`
	RouteKey     string          `json:"routeKey"`
	Stage        string          `json:"stage"`
	Time         string          `json:"time"`
	TimeEpoch    int64           `json:"timeEpoch"`
}

type httpContext struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// timeFormat is that of the common log format, such as
// 12/Mar/2020:19:03:58 +0000.
const timeFormat = "02/Jan/2006:15:04:05 -0700"

func (c *call) event() event {
	// The stage is part of both paths, unless it is $default.
	path := decode(c.r.URL.EscapedPath())
	headers, cookies := c.headers()
	e := event{
		Version: "2.0", RouteKey: c.route.key, RawPath: path, RawQuery: c.r.URL.RawQuery,
		Cookies: cookies, Headers: headers, Query: query(c.r.URL.RawQuery), PathParameters: c.parameters,
		Context: requestContext{
			AccountID: c.api.options.AccountID, APIID: c.api.options.ID, Authorizer: c.caller.authorizer,
			HTTP: httpContext{
				Method: c.r.Method, Path: path, Protocol: c.r.Proto, SourceIP: sourceIP(c.r), UserAgent: c.r.UserAgent(),
			},
			RequestID: c.id, RouteKey: c.route.key, Stage: c.api.options.Stage,
			Time: c.began.UTC().Format(timeFormat), TimeEpoch: c.began.UnixMilli(),
		},
	}
	e.Context.DomainName = hostOnly(c.r.Host)
	e.Context.DomainPrefix, _, _ = strings.Cut(e.Context.DomainName, ".")
	if len(c.body) > 0 {
		text := string(c.body)
		if e.Base64 = !isText(headers["content-type"]); e.Base64 {
			text = base64.StdEncoding.EncodeToString(c.body)
		}
		e.Body = &text
	}
	return e
}

func hostOnly(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return host
}

// hopByHop are headers of a connection, which end at the gateway.
var hopByHop = map[string]bool{
	"connection": true, "keep-alive": true, "proxy-connection": true, "te": true, "trailer": true,
	"transfer-encoding": true, "upgrade": true, "expect": true,
}

// headers are lower-case, with duplicates joined by commas, and with what API
// Gateway adds. Cookies leave the headers.
func (c *call) headers() (headers map[string]string, cookies []string) {
	headers = map[string]string{}
	for name, values := range c.r.Header {
		name = strings.ToLower(name)
		switch {
		case hopByHop[name]:
		case name == "cookie":
			cookies = splitCookies(values)
		default:
			headers[name] = strings.Join(values, ",")
		}
	}
	_, port, err := net.SplitHostPort(c.r.Host)
	if err != nil {
		port = "80"
	}
	headers["host"] = c.r.Host
	headers["content-length"] = strconv.Itoa(len(c.body))
	if from := headers["x-forwarded-for"]; from != "" {
		headers["x-forwarded-for"] = from + ", " + sourceIP(c.r)
	} else {
		headers["x-forwarded-for"] = sourceIP(c.r)
	}
	headers["x-forwarded-port"], headers["x-forwarded-proto"] = port, "http"
	if headers["x-amzn-trace-id"] == "" {
		headers["x-amzn-trace-id"] = c.traceID()
	}
	return headers, cookies
}

func (c *call) traceID() string {
	b := make([]byte, 12)
	_, _ = rand.Read(b) // never fails
	return fmt.Sprintf("Root=1-%08x-%x", c.began.Unix(), b)
}

// splitCookies parts cookie headers into cookies (RFC 6265 section 4.2.1).
func splitCookies(values []string) []string {
	var out []string
	for _, v := range values {
		for part := range strings.SplitSeq(v, ";") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

// query decodes a query string; duplicates are joined by commas in their order.
func query(raw string) map[string]string {
	out := map[string]string{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, value = decodeQuery(name), decodeQuery(value)
		if before, ok := out[name]; ok {
			value = before + "," + value
		}
		out[name] = value
	}
	return out
}

func decodeQuery(s string) string {
	if d, err := url.QueryUnescape(s); err == nil {
		return d
	}
	return s
}

// isText reports whether a body of this type reaches the function as text.
func isText(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	switch media = strings.ToLower(strings.TrimSpace(media)); media {
	case "application/json", "application/javascript", "application/xml":
		return true
	}
	return strings.HasPrefix(media, "text/")
}
