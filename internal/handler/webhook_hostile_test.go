package handler_test

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"clientkeeper/internal/secret"
	"clientkeeper/internal/webhook"
)

func hostileWebhooks() []hostile {
	other, err := webhook.ParseKey(secret.New("whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))))
	if err != nil {
		panic(err)
	}
	headers := func(d webhook.Delivery) change {
		return func(ev *events.APIGatewayV2HTTPRequest) {
			ev.Headers["webhook-id"], ev.Headers["webhook-timestamp"], ev.Headers["webhook-signature"] = d.ID, d.Timestamp, d.Signature
		}
	}
	text := func(s string) change { return func(ev *events.APIGatewayV2HTTPRequest) { ev.Body = s } }
	now := webhook.Sign("msg_1", apiNow, []byte(goodMessage), signingKey())
	var out []hostile
	refuse := func(status int, reason, name string, ev events.APIGatewayV2HTTPRequest) {
		out = append(out, hostile{"webhook: " + name, ev, status, reason})
	}
	for name, ev := range map[string]events.APIGatewayV2HTTPRequest{
		"another secret": signed(goodMessage, headers(webhook.Sign("msg_1", apiNow, []byte(goodMessage), other))), "another body": signed(goodMessage, text(strings.Replace(goodMessage, "agents", "evil", 1))),
		"a space more": signed(goodMessage, text(goodMessage+" ")), "the body written anew": signed(goodMessage, text(strings.ReplaceAll(goodMessage, `":"`, `": "`))), "another id": signed(goodMessage, header("webhook-id", "msg_2")), "another timestamp": signed(goodMessage, header("webhook-timestamp", "1614265331")),
		"the path signed too":      signed(goodMessage, headers(signedOver("POST "+webhookPath+"."+goodMessage))),
		"the body of base64":       signed(goodMessage, headers(signedOver(base64.StdEncoding.EncodeToString([]byte(goodMessage))))),
		"a signature of nothing":   signed(goodMessage, headers(signedOver(""))),
		"a signature of zeros":     signed(goodMessage, header("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(make([]byte, 32)))),
		"body and base64 disagree": signed(goodMessage, base64Body(base64.StdEncoding.EncodeToString([]byte(`{}`)))),
	} {
		refuse(401, "signature_mismatch", name, ev)
	}
	for name, ev := range map[string]events.APIGatewayV2HTTPRequest{
		"no id": signed(goodMessage, withoutHeader("webhook-id")), "no timestamp": signed(goodMessage, withoutHeader("webhook-timestamp")), "no signature": signed(goodMessage, withoutHeader("webhook-signature")), "no headers at all": apiRequest("POST", webhookPath, goodMessage),
		"an empty signature": signed(goodMessage, header("webhook-signature", "")), "the headers of another scheme": apiRequest("POST", webhookPath, goodMessage, header("x-hub-signature-256", "sha256=00")),
		"older names of the headers": apiRequest("POST", webhookPath, goodMessage, header("svix-id", now.ID), header("svix-timestamp", now.Timestamp), header("svix-signature", now.Signature)),
		"a token instead":            apiRequest("POST", webhookPath, goodMessage, header("authorization", "Bearer canary")),
	} {
		refuse(401, "signature_missing", name, ev)
	}
	for name, ev := range map[string]events.APIGatewayV2HTTPRequest{
		"replayed after six minutes": signedAs("msg_1", apiNow.Add(-6*time.Minute), goodMessage), "stale by a second": signedAs("msg_1", apiNow.Add(-301*time.Second), goodMessage), "from the future": signedAs("msg_1", apiNow.Add(6*time.Minute), goodMessage), "of 1970": signedAs("msg_1", time.Unix(0, 0), goodMessage), "of the year 9999": signedAs("msg_1", time.Unix(253402300799, 0), goodMessage),
	} {
		refuse(401, "signature_stale", name, ev)
	}
	for name, change := range map[string]change{
		"an id with a full stop": header("webhook-id", "msg.1"), "two ids": header("webhook-id", "msg_1 msg_2"), "an endless id": header("webhook-id", strings.Repeat("x", 129)), "an id with a line break": header("webhook-id", "msg\r\n1"), "an id beyond ASCII": header("webhook-id", "ä"),
		"a timestamp as a date": header("webhook-timestamp", "2021-02-25T15:02:10Z"), "a timestamp with a sign": header("webhook-timestamp", "+1614265330"), "a timestamp with a fraction": header("webhook-timestamp", "1614265330.5"), "two timestamps": header("webhook-timestamp", "1614265330,1614265330"), "a timestamp beyond numbers": header("webhook-timestamp", strings.Repeat("9", 30)),
		"no algorithm": header("webhook-signature", "none,"), "another version": header("webhook-signature", strings.Replace(now.Signature, "v1,", "v0,", 1)), "no version": header("webhook-signature", strings.TrimPrefix(now.Signature, "v1,")), "asymmetric alone": header("webhook-signature", "v1a,"+strings.Repeat("A", 86)+"=="),
		"in hexadecimal": header("webhook-signature", "v1,"+strings.Repeat("0f", 32)), "a short signature": header("webhook-signature", "v1,AAAA"), "an endless signature": header("webhook-signature", strings.Repeat(now.Signature+" ", 100)), "signatures between commas": header("webhook-signature", "v1,x,"+now.Signature),
	} {
		refuse(401, "signature_malformed", name, signed(goodMessage, change))
	}
	for name, test := range map[string][2]string{
		"not JSON": {"canary", "json_invalid"}, "an array": {"[]", "json_invalid"}, "a member twice": {`{"external_client_id":"https://agents.example.com/c","external_client_id":"x"}`, "json_ambiguous"}, "not UTF-8": {"{\"a\":\"\xff\"}", "json_invalid"}, "too deep": {strings.Repeat("[", 9) + strings.Repeat("]", 9), "json_too_deep"},
		"nothing to register": {`{}`, "message_incomplete"}, "a member more": {`{"external_client_id":"https://agents.example.com/c","x":1}`, "message_invalid"}, "a preview": {`{"external_client_id":"https://agents.example.com/c","mode":"preview"}`, "mode_mismatch"},
		"an event without data": {`{"type":"registration.requested"}`, "body_invalid"}, "data without a type": {`{"data":` + goodMessage + `}`, "body_invalid"}, "data as text": {`{"type":"registration.requested","data":"https://agents.example.com/c"}`, "body_invalid"}, "a type as a number": {`{"type":7,"data":{}}`, "body_invalid"},
		"a timestamp that is none": {`{"type":"registration.requested","timestamp":"yesterday","data":` + goodMessage + `}`, "body_invalid"}, "an event with more": {`{"type":"registration.requested","x":1,"data":` + goodMessage + `}`, "body_invalid"}, "an event inside an event": {`{"type":"registration.requested","data":` + goodEvent + `}`, "message_invalid"},
		"both forms at once": {`{"external_client_id":"https://agents.example.com/c","type":"registration.requested","data":` + goodMessage + `}`, "body_invalid"},
	} {
		refuse(400, test[1], "signed, and "+name, signed(test[0]))
	}
	refuse(415, "media_type", "signed, as text", signed(goodMessage, header("content-type", "text/plain")))
	refuse(415, "media_type", "signed, in gzip", signed(goodMessage, header("content-encoding", "gzip")))
	refuse(401, "signature_mismatch", "not signed, as text: the signature is looked at first", signed(goodMessage, header("content-type", "text/plain"), text("canary")))
	refuse(413, "body_too_large", "10 MB", signed(strings.Repeat("x", 10<<20)))
	refuse(413, "body_too_large", "too large by a byte", signed(strings.Repeat("x", 64<<10+1)))
	refuse(400, "body_unreadable", "no base64", signed(goodMessage, base64Body("***")))
	return out
}

// signedOver is a signature of another text than the body.
func signedOver(text string) webhook.Delivery {
	return webhook.Sign("msg_1", apiNow, []byte(text), signingKey())
}
