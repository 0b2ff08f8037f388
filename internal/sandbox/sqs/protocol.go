package sqs

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// maxRequest bounds a request's body. A batch of 1 MiB grows in JSON, where a
// character may be written as six, but no sane client gets here.
const maxRequest = 8 << 20

// A call is one request, whichever protocol it came in.
type call struct {
	ctx       context.Context
	id        string
	operation string
	region    string
	base      string // scheme and host that the client used
	body      []byte
	form      url.Values // of the query protocol; nil means JSON
	fault     Fault
}

// An operation runs one call on the service.
type operation func(*Service, *call) (any, *apiError)

// on makes an operation of a function with its own request and answer.
func on[In, Out any](run func(*Service, *call, *In) (*Out, *apiError)) operation {
	return func(s *Service, c *call) (any, *apiError) {
		var in In
		if err := c.decode(&in); err != nil {
			return nil, err
		}
		out, err := run(s, c, &in)
		if err != nil {
			return nil, err
		}
		return out, nil
	}
}

var operations = map[string]operation{
	"CancelMessageMoveTask":        on((*Service).cancelMove),
	"ChangeMessageVisibility":      on((*Service).changeVisibility),
	"ChangeMessageVisibilityBatch": on((*Service).changeVisibilityBatch),
	"CreateQueue":                  on((*Service).createQueue),
	"DeleteMessage":                on((*Service).deleteMessage),
	"DeleteMessageBatch":           on((*Service).deleteMessageBatch),
	"DeleteQueue":                  on((*Service).deleteQueue),
	"GetQueueAttributes":           on((*Service).getAttributes),
	"GetQueueUrl":                  on((*Service).getQueueURL),
	"ListDeadLetterSourceQueues":   on((*Service).listSources),
	"ListMessageMoveTasks":         on((*Service).listMoves),
	"ListQueueTags":                on((*Service).listTags),
	"ListQueues":                   on((*Service).listQueues),
	"PurgeQueue":                   on((*Service).purgeQueue),
	"ReceiveMessage":               on((*Service).receiveMessage),
	"SendMessage":                  on((*Service).sendMessage),
	"SendMessageBatch":             on((*Service).sendMessageBatch),
	"SetQueueAttributes":           on((*Service).setAttributes),
	"StartMessageMoveTask":         on((*Service).startMove),
	"TagQueue":                     on((*Service).tagQueue),
	"UntagQueue":                   on((*Service).untagQueue),
}

// init and not the literal above, because these look at the table themselves.
func init() {
	operations["AddPermission"] = on((*Service).addPermission)
	operations["RemovePermission"] = on((*Service).removePermission)
}

// ServeHTTP serves both protocols on any path, as SQS does.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.once.Do(s.initialize)
	c := &call{ctx: r.Context(), id: uuid.NewString(), region: s.regionOf(r), base: baseOf(r)}
	w.Header().Set("x-amzn-RequestId", c.id)
	if err := c.read(w, r); err != nil {
		c.fail(w, err)
		return
	}
	run, ok := operations[c.operation]
	if !ok {
		c.fail(w, unknownOperation(c.operation))
		return
	}
	c.fault = s.fate(c)
	if c.fault.suffer(w, c, func() { run(s, c) }) {
		return
	}
	out, err := run(s, c)
	if err != nil {
		c.fail(w, err)
		return
	}
	c.answer(w, out)
}

// read takes the request in: its body, operation and protocol.
func (c *call) read(w http.ResponseWriter, r *http.Request) *apiError {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		return &apiError{framework + "RequestEntityTooLargeException", "RequestEntityTooLarge", 413,
			"The request is too large, or was cut off."}
	}
	c.body = body
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		service, op, _ := strings.Cut(target, ".")
		if c.operation = op; service != "AmazonSQS" {
			c.operation = target
		}
		return nil
	}
	return c.readForm(r)
}

// regionOf reads the region out of the credential scope of a signature, which
// is accepted whatever it says.
func (s *Service) regionOf(r *http.Request) string {
	credential := r.URL.Query().Get("X-Amz-Credential")
	if _, after, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		credential, _, _ = strings.Cut(after, ",")
	}
	scope := strings.Split(strings.TrimSpace(credential), "/") // key/date/region/service/aws4_request
	if len(scope) == 5 && scope[2] != "" && len(scope[2]) < 40 {
		return scope[2]
	}
	return s.options.Region
}

func baseOf(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func (c *call) answer(w http.ResponseWriter, out any) {
	if c.form != nil {
		c.answerXML(w, out)
		return
	}
	body, err := json.Marshal(out)
	if err != nil {
		c.fail(w, Fault{Status: http.StatusInternalServerError}.error())
		return
	}
	c.write(w, http.StatusOK, "application/x-amz-json-1.0", body)
}

// fail answers with an error. In JSON the header x-amzn-query-error carries the
// code of the query protocol, which is what SDKs report to this day.
func (c *call) fail(w http.ResponseWriter, e *apiError) {
	if c.form != nil {
		c.failXML(w, e)
		return
	}
	w.Header().Set("x-amzn-query-error", e.code+";"+e.fault())
	// Two strings always marshal.
	body, _ := json.Marshal(struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}{e.fullShape(), e.message})
	c.write(w, e.status, "application/x-amz-json-1.0", body)
}

func (e *apiError) fault() string {
	if e.senderFault() {
		return "Sender"
	}
	return "Receiver"
}

func (c *call) write(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body) // if it fails the client is gone, and there is nobody to tell
}
