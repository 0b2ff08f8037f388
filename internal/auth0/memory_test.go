package auth0

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// memory is a network inside the process. Unlike a socket it lets a bubble's
// clock run while somebody waits for it.
type memory struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newMemory() *memory {
	return &memory{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error {
	m.once.Do(func() { close(m.closed) })
	return nil
}

func (m *memory) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443} }

func (m *memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := newLine()
	select {
	case m.conns <- theirs:
		return ours, nil
	case <-m.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A line is one end of a connection. Like a socket, and unlike a net.Pipe, it
// takes what is written whether or not anybody reads: net/http writes TLS's
// farewell while it holds a lock, and a bubble's clock stands still for whoever
// waits for a lock, so a write that waited for a reader could wait for ever.
type line struct{ in, out *flow }

func newLine() (ours, theirs *line) {
	a, b := &flow{changed: make(chan struct{})}, &flow{changed: make(chan struct{})}
	return &line{in: a, out: b}, &line{in: b, out: a}
}

func (l *line) Read(p []byte) (int, error)         { return l.in.read(p) }
func (l *line) Write(p []byte) (int, error)        { return l.out.write(p) }
func (l *line) LocalAddr() net.Addr                { return (*memory)(nil).Addr() }
func (l *line) RemoteAddr() net.Addr               { return (*memory)(nil).Addr() }
func (l *line) SetDeadline(t time.Time) error      { return l.SetReadDeadline(t) }
func (l *line) SetWriteDeadline(_ time.Time) error { return nil } // no write waits

func (l *line) SetReadDeadline(t time.Time) error {
	l.in.change(func() { l.in.until = t })
	return nil
}

// Close leaves to the other end what was written before.
func (l *line) Close() error {
	l.in.change(func() {
		l.in.data.Reset()
		l.in.end = net.ErrClosed
	})
	l.out.change(func() {
		if l.out.end == nil {
			l.out.end = io.EOF
		}
	})
	return nil
}

// A flow is one direction of a connection.
type flow struct {
	mu      sync.Mutex
	data    bytes.Buffer
	end     error // what a reader gets after the data
	until   time.Time
	changed chan struct{} // closed at the next change
}

func (f *flow) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *flow) write(p []byte) (n int, err error) {
	f.change(func() {
		if f.end != nil {
			err = io.ErrClosedPipe
			return
		}
		n, err = f.data.Write(p)
	})
	return n, err
}

func (f *flow) read(p []byte) (int, error) {
	for {
		f.mu.Lock()
		n, err := f.take(p)
		until, changed := f.until, f.changed
		f.mu.Unlock()
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		if until.IsZero() {
			<-changed
			continue
		}
		expired := time.NewTimer(time.Until(until))
		select {
		case <-changed:
		case <-expired.C:
		}
		expired.Stop()
	}
}

// take is a read that does not wait.
func (f *flow) take(p []byte) (int, error) {
	if !f.until.IsZero() && !time.Now().Before(f.until) {
		return 0, os.ErrDeadlineExceeded
	}
	if f.data.Len() == 0 {
		return 0, f.end
	}
	return f.data.Read(p)
}

func TestALineTakesWhatNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := newLine()
		if n, err := ours.Write(make([]byte, 1<<20)); n != 1<<20 || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
		if err := ours.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(theirs); len(got) != 1<<20 || err != nil {
			t.Errorf("read %d, %v after the close; want all that was written before", len(got), err)
		}
		if _, err := theirs.Write([]byte("x")); err == nil {
			t.Error("wrote to an end that was closed")
		}
		if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read %v from an end that was closed", err)
		}
	})
}

func TestALineKeepsItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, _ := newLine()
		began := time.Now()
		go func() {
			time.Sleep(time.Second)
			_ = ours.SetReadDeadline(began.Add(3 * time.Second))
		}()
		_, err := ours.Read(make([]byte, 1))
		if waited := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || waited != 3*time.Second {
			t.Errorf("read %v after %v, want %v after 3s", err, waited, os.ErrDeadlineExceeded)
		}
	})
}
