package handler

import (
	"errors"
	"testing"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/queue"
)

var limits = Limits{MaxTries: 3, RetryBase: 10 * time.Second, RetryMax: 60 * time.Second, MaxAge: time.Hour}

func TestDecide(t *testing.T) {
	busy := &fault.Error{Kind: fault.RateLimited, RetryAfter: 42 * time.Second}
	busyLong := &fault.Error{Kind: fault.RateLimited, RetryAfter: 2 * time.Hour}
	down := &fault.Error{Kind: fault.Unavailable}
	first, last := circumstances{receives: 1}, circumstances{receives: 3}
	tests := map[string]struct {
		err       error
		c         circumstances
		want      disposal
		low, high time.Duration
	}{
		"done":                             {nil, last, settle, 0, 0},
		"invalid":                          {fault.Invalid, first, deadLetter, 0, 0},
		"denied":                           {fault.Denied, first, deadLetter, 0, 0},
		"not found":                        {fault.NotFound, first, deadLetter, 0, 0},
		"conflict":                         {fault.Conflict, first, deadLetter, 0, 0},
		"busy":                             {busy, first, postpone, 42 * time.Second, 42 * time.Second},
		"busy at the last receive":         {busy, last, postpone, 42 * time.Second, 42 * time.Second},
		"busy far beyond the last receive": {busy, circumstances{receives: 99}, postpone, 42 * time.Second, 42 * time.Second},
		"busy without advice":              {fault.RateLimited, last, postpone, 5 * time.Second, 10 * time.Second},
		"busy for long":                    {busyLong, first, postpone, queue.MaxDelay, queue.MaxDelay},
		"busy for too long":                {busy, circumstances{receives: 1, age: 2 * time.Hour}, deadLetter, 0, 0},
		"busy, FIFO":                       {busy, circumstances{fifo: true, receives: 1}, retry, 42 * time.Second, 42 * time.Second},
		"busy, FIFO, last":                 {busy, circumstances{fifo: true, receives: 3}, retry, 42 * time.Second, 42 * time.Second},
		"busy for long, FIFO":              {busyLong, circumstances{fifo: true, receives: 1}, retry, 2 * time.Hour, 2 * time.Hour},
		"busy for too long, FIFO":          {busy, circumstances{fifo: true, receives: 1, age: 2 * time.Hour}, deadLetter, 0, 0},
		"down":                             {down, first, retry, 5 * time.Second, 10 * time.Second},
		"down, second":                     {down, circumstances{receives: 2}, retry, 10 * time.Second, 20 * time.Second},
		"down, old but not throttled":      {down, circumstances{receives: 2, age: 2 * time.Hour}, retry, 10 * time.Second, 20 * time.Second},
		"down, last":                       {down, last, deadLetter, 0, 0},
		"down, FIFO, last":                 {down, circumstances{fifo: true, receives: 3}, deadLetter, 0, 0},
		"down, beyond":                     {down, circumstances{receives: 4}, deadLetter, 0, 0},
		"our credential is refused":        {fault.Unauthenticated, first, retry, 5 * time.Second, 10 * time.Second},
		"a bug":                            {errors.New("nil map"), first, retry, 5 * time.Second, 10 * time.Second},
		"a bug, last":                      {errors.New("nil map"), last, deadLetter, 0, 0},
		"the count is missing":             {down, circumstances{}, retry, 5 * time.Second, 10 * time.Second},
	}
	for name, test := range tests {
		for range 50 {
			got, wait := limits.decide(test.err, test.c)
			if got != test.want || wait < test.low || wait > test.high {
				t.Errorf("%s: %v after %v, want %v after %v to %v", name, got, wait, test.want, test.low, test.high)
				break
			}
		}
	}
}

func TestWaitIsBounded(t *testing.T) {
	for receives := -1; receives < 200; receives++ {
		if wait := limits.wait(fault.Unavailable, receives); wait < 0 || wait > limits.RetryMax {
			t.Fatalf("receive %d waits %v", receives, wait)
		}
	}
	if wait := (Limits{}).wait(fault.Unavailable, 3); wait != 0 {
		t.Errorf("zero limits wait %v", wait)
	}
	tomorrow := &fault.Error{Kind: fault.Unavailable, RetryAfter: 24 * time.Hour}
	if wait := limits.wait(tomorrow, 1); wait != queue.MaxHide {
		t.Errorf("asked to come back tomorrow, it waits %v, want the %v that SQS can hide it for", wait, queue.MaxHide)
	}
}
