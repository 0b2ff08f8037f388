package handler

import (
	"context"
	_ "embed"
	"encoding/json"
	"time"

	"clientkeeper/internal/credential"
)

func (h *API) startRotation(r *httpRequest) (work, error) {
	if len(r.body) > 0 {
		o, err := r.object()
		if err == nil {
			err = o.Err() // there is nothing to say in it yet
		}
		if err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, op credential.Operation) (reply, error) {
		out, err := h.Credentials.StartRotation(ctx, op, r.parameters["client_id"])
		if err != nil {
			return reply{}, err
		}
		at := map[string]string{"Location": "/v1/rotations/" + out.ID}
		return reply{status: 202, header: at, body: viewRotation(out)}, nil
	}, nil
}

// rotating is the state of a rotation that has not come to its end.
const rotating = "running"

func (h *API) showRotation(r *httpRequest) (work, error) {
	return func(ctx context.Context, _ credential.Operation) (reply, error) {
		found, err := h.Credentials.Rotation(ctx, r.parameters["rotation_id"])
		if err != nil {
			return reply{}, err
		}
		out := reply{status: 200, body: viewRotation(found)}
		if found.State == rotating {
			out = out.with("Retry-After", "5")
		}
		return out, nil
	}, nil
}

type rotationView struct {
	ID        string     `json:"id"`
	ClientID  string     `json:"client_id"`
	SecretARN string     `json:"secret_arn"`
	State     string     `json:"state"`
	Started   *time.Time `json:"started_at,omitempty"`
}

func viewRotation(r credential.Rotation) rotationView {
	return rotationView{r.ID, r.ClientID, r.SecretARN, r.State, viewTime(r.Started)}
}

// OpenAPI is the description of the API, OpenAPI 3.1.
//
//go:embed openapi.json
var OpenAPI []byte

func (h *API) describe(*httpRequest) (work, error) {
	return func(context.Context, credential.Operation) (reply, error) {
		return reply{status: 200, body: json.RawMessage(OpenAPI)}, nil
	}, nil
}
