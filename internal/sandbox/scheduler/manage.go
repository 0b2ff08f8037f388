package scheduler

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Create adds a schedule. A rate without a start fires at once. It fails with
// an [*Error]: ConflictException for a name that is taken.
func (s *Service) Create(schedule Schedule) error { return s.create(schedule, "") }

func (s *Service) create(schedule Schedule, token string) error {
	schedule.Group = groupOf(schedule.Group)
	now := s.opts.Now()
	e := &entry{Schedule: schedule, created: now, modified: now, token: token}
	if err := e.prepare(now); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.entries[e.key()]; old != nil {
		if token != "" && old.token == token && reflect.DeepEqual(old.Schedule, schedule) {
			return nil // the same request again
		}
		return &Error{"ConflictException", "Schedule " + schedule.Name + " already exists."}
	}
	s.entries[e.key()] = e
	s.arm(e, now.Add(-1))
	s.poke()
	return nil
}

// Update replaces a schedule whole, as UpdateSchedule does: what is not said
// is back at its default.
func (s *Service) Update(schedule Schedule) error {
	schedule.Group = groupOf(schedule.Group)
	now := s.opts.Now()
	fresh := &entry{Schedule: schedule, modified: now}
	if err := fresh.prepare(now); err != nil {
		return err
	}
	return s.change(fresh.key(), func(e *entry) {
		fresh.created, fresh.token = e.created, e.token
		same := e.Expression == schedule.Expression && e.TimeZone == schedule.TimeZone && e.Start.Equal(schedule.Start)
		if same {
			fresh.times = e.times // a rate keeps its beat
		}
		resumed := e.Disabled && !schedule.Disabled
		next, due, unchanged := e.next, e.due, same && !resumed && e.End.Equal(schedule.End) && e.Window == schedule.Window
		*e = *fresh
		if unchanged {
			e.next, e.due = next, due
			return
		}
		s.arm(e, now.Add(-1))
	})
}

func (e *entry) prepare(base time.Time) (err error) {
	if err := e.check(); err != nil {
		return err
	}
	e.times, err = e.Schedule.times(base)
	return err
}

func (e *entry) key() string { return e.Group + "/" + e.Name }

func groupOf(group string) string {
	if group == "" {
		return DefaultGroup
	}
	return group
}

// keyOf takes "name" and "group/name".
func keyOf(name string) string {
	if strings.Contains(name, "/") {
		return name
	}
	return DefaultGroup + "/" + name
}

// change runs f with a schedule, under the lock.
func (s *Service) change(key string, f func(*entry)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[key]
	if e == nil {
		return &Error{"ResourceNotFoundException", "Schedule " + clip(key[strings.Index(key, "/")+1:]) + " does not exist."}
	}
	f(e)
	s.poke()
	return nil
}

// Enable lets a schedule fire again, from now on: what it missed it missed.
func (s *Service) Enable(name string) error {
	return s.change(keyOf(name), func(e *entry) {
		if e.Disabled {
			now := s.opts.Now()
			e.Disabled, e.modified = false, now
			s.arm(e, now.Add(-1))
		}
	})
}

// Disable keeps a schedule from firing. Deliveries under way go on.
func (s *Service) Disable(name string) error {
	return s.change(keyOf(name), func(e *entry) {
		if !e.Disabled {
			e.Disabled, e.modified = true, s.opts.Now()
		}
	})
}

// Delete removes a schedule. Deliveries under way go on.
func (s *Service) Delete(name string) error {
	return s.change(keyOf(name), func(e *entry) { delete(s.entries, e.key()) })
}

// RunNow invokes a schedule's target at once, also if it is disabled, and
// changes nothing about when it is due. The time it is told is now.
func (s *Service) RunNow(name string) error {
	return s.change(keyOf(name), func(e *entry) {
		now := s.opts.Now()
		s.begin(&delivery{Schedule: e.Schedule, scheduled: now, first: now, attempt: 1})
	})
}

// Get returns one schedule.
func (s *Service) Get(name string) (info Info, err error) {
	err = s.change(keyOf(name), func(e *entry) { info = s.info(e) })
	return info, err
}

// List returns all schedules, by name.
func (s *Service) List() []Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Info
	for _, key := range slices.Sorted(maps.Keys(s.entries)) {
		out = append(out, s.info(s.entries[key]))
	}
	return out
}

func (s *Service) info(e *entry) Info {
	i := Info{Schedule: e.Schedule, ARN: s.arn(e.Schedule), Created: e.created, Modified: e.modified}
	if !e.Disabled {
		i.Next = e.next
	}
	return i
}

func (s *Service) arn(schedule Schedule) string {
	return "arn:aws:scheduler:" + s.opts.Region + ":" + s.opts.AccountID + ":schedule/" + schedule.Group + "/" + schedule.Name
}
