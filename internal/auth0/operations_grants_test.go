package auth0

import (
	"reflect"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

func (s theatre) documents() {
	ctx, id := s.Context(), clientID(s.T, document)
	preview, err := s.c.PreviewCIMD(ctx, id)
	s.ok("PreviewCIMD", err)
	for want := range 2 {
		r, err := s.c.RegisterCIMD(ctx, id)
		s.ok("RegisterCIMD", err)
		if r.Created != (want == 0) || !preview.Valid() || preview.ClientID != "" {
			s.Errorf("preview %+v, registered %+v", preview, r)
		}
	}
	found, err := s.c.FindByExternalID(ctx, id)
	s.ok("FindByExternalID", err)
	s.ok("SetClientMetadata", s.c.SetClientMetadata(ctx, found.ClientID, map[string]string{"by": "x"}))
	after, err := s.c.Client(ctx, found.ClientID)
	s.ok("Client", err)
	if after.ExternalClientID != document || after.Metadata["by"] != "x" {
		s.Errorf("after a PATCH: %+v", after)
	}
	missing := clientID(s.T, "https://client.example.org/missing.json")
	_, err = s.c.RegisterCIMD(ctx, missing)
	s.fails("RegisterCIMD", err, fault.Invalid, "invalid")
	if p, err := s.c.PreviewCIMD(ctx, missing); err != nil || p.Valid() || len(p.Errors) == 0 {
		s.Errorf("preview of what is missing: %+v, %v", p, err)
	}
	_, err = s.c.FindByExternalID(ctx, missing)
	s.fails("FindByExternalID", err, fault.NotFound, "inexistent_client")
}

func (s theatre) grants() {
	ctx := s.Context()
	id, text := s.room.AddClient("machine")
	login := func() LoginResult {
		r, err := s.c.Login(ctx, Credential{ClientID: id, Secret: secret.New(text)}, shopAPI)
		s.ok("Login", err)
		return r
	}
	made, err := s.c.CreateClientGrant(ctx, id, shopAPI, []string{"read:shop"})
	s.ok("CreateClientGrant", err)
	with := login()
	changed, err := s.c.SetClientGrantScopes(ctx, made.ID, []string{"read:shop", "write:shop"})
	s.ok("SetClientGrantScopes", err)
	read, err := s.c.ClientGrant(ctx, made.ID)
	s.ok("ClientGrant", err)
	all, err := s.c.ClientGrants(ctx, id)
	s.ok("ClientGrants", err)
	if len(made.Scopes) != 1 || !reflect.DeepEqual(changed, read) || len(read.Scopes) != 2 || len(all) != 1 || !reflect.DeepEqual(all[0], read) {
		s.Errorf("made %+v, changed %+v, read %+v, all %+v", made, changed, read, all)
	}
	_, err = s.c.CreateClientGrant(ctx, id, shopAPI, nil)
	s.fails("CreateClientGrant", err, fault.Conflict, "conflict")
	_, err = s.c.CreateClientGrant(ctx, id, "https://nobody.example/", nil)
	s.fails("CreateClientGrant", err, fault.NotFound, "not_found")
	_, err = s.c.CreateClientGrant(ctx, id, s.c.audience, []string{"read:clients"})
	s.ok("CreateClientGrant", err)
	for range 2 {
		s.ok("DeleteClientGrant", s.c.DeleteClientGrant(ctx, made.ID))
	}
	_, err = s.c.ClientGrant(ctx, made.ID)
	s.fails("ClientGrant", err, fault.NotFound, "not_found")
	if without := login(); with != Accepted || without != GrantRefused {
		s.Errorf("logins: %s with a grant, %s without", with, without)
	}
}
