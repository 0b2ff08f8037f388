//go:build ignore

// Command samlocal runs sample events twice, with `sam local invoke` and in the
// sandbox's own Lambda, and prints side by side what became of them. It fails
// if any function failed, or if the two disagree. internal/build/sam-local.sh
// sets up what it needs.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
)

var (
	template = flag.String("template", "", "the built template")
	samFlags = flag.String("sam-flags", "", "more words for sam local invoke")
	lambda   = flag.String("lambda", "", "the sandbox's Invoke API")
	own      = flag.String("api", "", "the sandbox's HTTP API")
	samAPI   = flag.String("sam-api", "", "sam local start-api")
	prepared = flag.String("prepared", "", "folder with what prepare.sh wrote")
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("samlocal: ")
	flag.Parse()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "EVENT\tSAM LOCAL\tSANDBOX\t")
	wrong := 0
	row := func(name, sam, sandbox string) {
		mark := ""
		if sam != sandbox || strings.HasPrefix(sam, "failed") {
			mark = "<- differs, or failed"
			wrong++
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", name, sam, sandbox, mark)
	}
	for _, file := range ordered(flag.Args()) {
		function := functionOf(file)
		sam := outcome(invokeSAM(function, event(file, "sam")))
		row(strings.TrimSuffix(filepath.Base(file), ".json"), sam, outcome(invokeOwn(function, event(file, "own"))))
	}
	if *samAPI != "" {
		for _, r := range [][3]string{{"GET", "/v1/openapi.json", ""}, {"POST", "/v1/webhooks/registrations", "{}"}, {"GET", "/v1/nothing", ""}} {
			row("start-api: "+r[0]+" "+r[1], ask(*samAPI, r), ask(*own, r))
		}
	}
	if err := w.Flush(); err != nil {
		log.Fatal(err)
	}
	if wrong > 0 {
		log.Fatalf("%d of these are not as they should be", wrong)
	}
}

// ordered puts the steps of a rotation, and requests that build on others, into
// their order.
func ordered(files []string) []string {
	steps := []string{"rotate-secret.create.json", "rotate-secret.set.json", "rotate-secret.test.json", "rotate-secret.finish.json"}
	var out, last []string
	for _, file := range files {
		if strings.HasPrefix(filepath.Base(file), "rotate-secret.") {
			last = append(last, file)
		} else {
			out = append(out, file)
		}
	}
	for _, step := range steps {
		for _, file := range last {
			if filepath.Base(file) == step {
				out = append(out, file)
			}
		}
	}
	return out
}

// functionOf is the logical id of the function that an event's file is named
// after: register-client.url.json is for RegisterClientFunction.
func functionOf(file string) string {
	name, _, _ := strings.Cut(filepath.Base(file), ".")
	var id strings.Builder
	for part := range strings.SplitSeq(name, "-") {
		id.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return id.String() + "Function"
}

// event is a sample, made to fit: a step of a rotation names a secret that is
// there, and a webhook is signed now with the sandbox's secret.
func event(file, where string) []byte {
	text, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	var e map[string]any
	if err := json.Unmarshal(text, &e); err != nil {
		log.Fatal(err)
	}
	switch name := filepath.Base(file); {
	case strings.HasPrefix(name, "rotate-secret."):
		e["SecretId"], e["ClientRequestToken"] = prepare("arn-"+where), prepare("token")
	case strings.HasPrefix(name, "webhook.") && !strings.Contains(name, "bad-signature") && !strings.Contains(name, "stale"):
		sign(e)
	default:
		return text
	}
	if text, err = json.Marshal(e); err != nil {
		log.Fatal(err)
	}
	return text
}

func prepare(name string) string {
	text, err := os.ReadFile(filepath.Join(*prepared, name))
	if err != nil {
		log.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// sign replaces the signature of a request's event.
func sign(e map[string]any) {
	headers, ok := e["headers"].(map[string]any)
	body, _ := e["body"].(string)
	if e["isBase64Encoded"] == true {
		raw, err := base64.StdEncoding.DecodeString(body)
		if err != nil {
			log.Fatal(err)
		}
		body = string(raw)
	}
	id, _ := headers["webhook-id"].(string)
	if !ok || id == "" {
		return
	}
	cmd := exec.Command(filepath.Join(*prepared, "sign"), id)
	cmd.Stdin, cmd.Stderr = strings.NewReader(body), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		log.Fatalf("signing: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		headers[name] = value
	}
}

func invokeSAM(function string, event []byte) []byte {
	args := append([]string{"local", "invoke", function, "-t", *template, "--add-host", "host.docker.internal:host-gateway", "--event", "-"},
		strings.Fields(*samFlags)...)
	cmd := exec.Command("sam", args...)
	var errors bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(event), &errors
	out, err := cmd.Output()
	if err != nil || len(bytes.TrimSpace(out)) == 0 {
		log.Printf("%s: %v\n%s", function, err, errors.Bytes())
	}
	return out
}

var client = http.Client{Timeout: 6 * time.Minute}

func invokeOwn(function string, event []byte) []byte {
	res, err := client.Post(*lambda+"/2015-03-31/functions/"+function+"/invocations", "application/json", bytes.NewReader(event))
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		log.Fatal(err)
	}
	return out
}

// outcome is what an answer comes down to, without what differs from one run to
// the next.
func outcome(answer []byte) string {
	answer = bytes.TrimSpace(answer)
	var a struct {
		ErrorType    string            `json:"errorType"`
		ErrorMessage string            `json:"errorMessage"`
		Failures     []json.RawMessage `json:"batchItemFailures"`
		Status       int               `json:"statusCode"`
		Body         string            `json:"body"`
	}
	switch err := json.Unmarshal(answer, &a); {
	case string(answer) == "null":
		return "done"
	case err != nil:
		return "failed: no JSON"
	case a.ErrorType != "":
		return "failed: " + a.ErrorMessage
	case a.Status != 0:
		var problem struct {
			Type string `json:"type"`
		}
		_ = json.Unmarshal([]byte(a.Body), &problem) // not every body is a problem
		return strings.TrimSpace(fmt.Sprint(a.Status, " ", problem.Type[strings.LastIndex(problem.Type, ":")+1:]))
	case len(a.Failures) > 0:
		return fmt.Sprintf("%d handed back", len(a.Failures))
	}
	return "done"
}

// ask is one request over HTTP. sam local checks no authorizer but a Lambda, so
// only routes without one are compared.
func ask(base string, r [3]string) string {
	req, err := http.NewRequest(r[0], base+r[1], strings.NewReader(r[2]))
	if err != nil {
		log.Fatal(err)
	}
	if r[2] != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := client.Do(req)
	if err != nil {
		return "failed: " + err.Error()
	}
	res.Body.Close()
	status := res.StatusCode
	if status == http.StatusForbidden && r[1] == "/v1/nothing" {
		status = http.StatusNotFound // sam local's word for a route that is not there
	}
	return fmt.Sprint(status)
}
