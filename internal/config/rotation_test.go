package config_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/config"
	"clientkeeper/internal/fault"
)

func TestRotationDefaults(t *testing.T) {
	tenant := config.Tenant{Domain: "example.eu.auth0.com", ManagementSecret: good()["AUTH0_MANAGEMENT_SECRET_ARN"]}
	rotate, err := config.LoadRotateSecret(with(nil))
	if diff := cmp.Diff(config.RotateSecret{Tenant: tenant, Window: 30 * time.Second, Spread: 75 * time.Second}, rotate); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	schedule, err := config.LoadScheduleRotations(with(nil))
	want := config.ScheduleRotations{Tenant: tenant, Window: 30 * time.Second, FuseCount: 50, FuseShare: 0.5, Pace: time.Second, Every: 15 * time.Minute}
	if diff := cmp.Diff(want, schedule); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func TestRotationMistakesAreReportedAtOnce(t *testing.T) {
	const canary = "s3cr3t-canary"
	_, err := config.LoadScheduleRotations(func(string) string { return canary })
	for _, name := range []string{"PROPAGATION_WINDOW", "FUSE_COUNT", "FUSE_SHARE", "START_PACE", "ROTATION_CHECK"} {
		if err == nil || !strings.Contains(err.Error(), name+": ") {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), canary) {
		t.Errorf("the error repeats a value: %v", err)
	}
	for name, value := range map[string]string{"FUSE_COUNT": "0", "FUSE_SHARE": "1.1", "PROPAGATION_WINDOW": "-1s", "START_PACE": "1h", "ROTATION_CHECK": "rate(0 days)"} {
		if _, err := config.LoadScheduleRotations(with(map[string]string{name: value})); !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
	for share, right := range map[string]bool{"-0.1": false, "NaN": false, "0": true, "1": true} {
		if _, err := config.LoadScheduleRotations(with(map[string]string{"FUSE_SHARE": share})); (err == nil) != right {
			t.Errorf("FUSE_SHARE=%s: %v", share, err)
		}
	}
	if _, err := config.LoadRotateSecret(func(string) string { return "" }); !errors.Is(err, fault.Invalid) {
		t.Errorf("an empty environment: %v", err)
	}
}

func TestTheTimeBetweenTwoRuns(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 15 * time.Minute, "rate(1 minute)": time.Minute, "rate(2 hours)": 2 * time.Hour, "rate(1 day)": 24 * time.Hour, "cron(0 3 * * ? *)": 7 * 24 * time.Hour} {
		if c, err := config.LoadScheduleRotations(with(map[string]string{"ROTATION_CHECK": text})); err != nil || c.Every != want {
			t.Errorf("%q: %v, %v, want %v", text, c.Every, err, want)
		}
	}
	for _, text := range []string{"rate(1)", "rate(1 month)", "15 minutes", "rate(1 day", "rate(-1 day)", "rate(100001 days)", "1 day)", "cron("} {
		if _, err := config.LoadScheduleRotations(with(map[string]string{"ROTATION_CHECK": text})); !errors.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
