package apigateway

import (
	"encoding/json"
	"regexp"
	"strconv"
)

var variable = regexp.MustCompile(`\$context(\.[A-Za-z0-9_]+)+`)

// Format fills in an access log format ("Customize HTTP API access logs").
// What it does not know is "-", as in API Gateway; a value is escaped, so that
// a format that is JSON stays JSON.
func (a Access) Format(format string) string {
	known := map[string]string{
		"$context.requestId": a.RequestID, "$context.extendedRequestId": a.RequestID,
		"$context.requestTime":      a.Time.UTC().Format(timeFormat),
		"$context.requestTimeEpoch": strconv.FormatInt(a.Time.UnixMilli(), 10),
		"$context.httpMethod":       a.Method, "$context.path": a.Path, "$context.routeKey": a.RouteKey,
		"$context.identity.sourceIp": a.SourceIP, "$context.authorizer.claims.sub": a.Principal, "$context.identity.userArn": a.Principal,
		"$context.status": strconv.Itoa(a.Status), "$context.responseLength": strconv.Itoa(a.Bytes),
		"$context.responseLatency":         strconv.FormatInt(a.Latency.Milliseconds(), 10),
		"$context.integrationLatency":      strconv.FormatInt(a.IntegrationLatency.Milliseconds(), 10),
		"$context.authorizer.error":        a.AuthorizerError,
		"$context.integrationErrorMessage": a.IntegrationError,
	}
	return variable.ReplaceAllStringFunc(format, func(name string) string {
		quoted, err := json.Marshal(or(known[name], "-"))
		if err != nil {
			return "-"
		}
		return string(quoted[1 : len(quoted)-1])
	})
}
