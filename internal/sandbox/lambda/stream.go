package lambda

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"sync"

	"github.com/google/uuid"
)

// maxLine is the longest line that is passed on in one piece.
const maxLine = 64 << 10

// stream reads the lines that a process writes to one of its outputs. We keep
// the writing end as well: a pipe keeps order, so once a mark that we write
// comes out, all that the process wrote before has come out too. That is how
// log lines find the invocation they belong to.
type stream struct {
	r, w    *os.File
	mark    []byte        // a line of our own
	reached chan struct{} // one for each mark that came out
	done    chan struct{} // closed when the reader has ended
	line    func([]byte)
	mu      sync.Mutex // held by the one who waits for a mark
}

func newStream(line func([]byte)) (*stream, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s := &stream{
		r: r, w: w, line: line,
		mark:    []byte("\x00" + uuid.NewString() + "\x00"),
		reached: make(chan struct{}),
		done:    make(chan struct{}),
	}
	go s.read()
	return s, nil
}

func (s *stream) read() {
	defer close(s.done)
	in := bufio.NewReaderSize(s.r, maxLine)
	for {
		text, err := in.ReadSlice('\n')
		text = bytes.TrimSuffix(text, []byte("\n"))
		switch {
		case bytes.Equal(text, s.mark):
			s.reached <- struct{}{}
		case len(text) > 0:
			s.line(bytes.TrimSuffix(text, []byte("\r")))
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// drain returns when all that was written before the call has been read. The
// mark starts on a new line, in case the process is in the middle of one; empty
// lines are not passed on.
func (s *stream) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.w.WriteString("\n" + string(s.mark) + "\n"); err != nil {
		return
	}
	select {
	case <-s.reached:
	case <-s.done:
	}
}

// close reads the rest, then ends the reader even if some descendant of the
// process still holds the pipe.
func (s *stream) close() {
	s.drain()
	s.w.Close()
	s.r.Close()
	<-s.done
}
