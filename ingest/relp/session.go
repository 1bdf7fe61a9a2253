package relp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/internal/gather"
	"github.com/penstock-dev/penstock/ingest/internal/listen"
	"github.com/penstock-dev/penstock/parse"
)

// errProtocol is the cause of a connection that is closed for what its peer says.
var errProtocol = errors.New("not RELP")

var errOversize = errcat.New(errcat.Oversize, errcat.StageBuffer, "longer than the largest message allowed")

// header is what stands before the data of a frame.
type header struct {
	txn     int64
	command string
	length  int64
}

// Bounds of a frame's header (RELP specification).
const (
	maxTxnDigits    = 9
	maxCommand      = 32
	maxLengthDigits = 9
)

// readNumber reads decimal digits and the byte that ends them, LF or a space.
func readNumber(r *bufio.Reader, digits int, what string) (int64, byte, error) {
	n := int64(0)
	for i := 0; ; i++ {
		c, err := r.ReadByte()
		if err != nil {
			if err == io.EOF && i > 0 {
				err = io.ErrUnexpectedEOF
			}
			return 0, 0, err
		}
		switch {
		case c >= '0' && c <= '9' && i < digits:
			n = n*10 + int64(c-'0')
		case (c == ' ' || c == '\n') && i > 0:
			return n, c, nil
		default:
			return 0, 0, fmt.Errorf("%w: the %s is not a number of at most %d digits", errProtocol, what, digits)
		}
	}
}

// readHeader reads up to where the data begins, or to the end of a frame without data.
func readHeader(r *bufio.Reader) (h header, ended bool, err error) {
	var end byte
	if h.txn, end, err = readNumber(r, maxTxnDigits, "transaction number"); err != nil {
		return h, false, err
	}
	if end != ' ' {
		return h, false, fmt.Errorf("%w: a frame without a command", errProtocol)
	}
	var command []byte
	for {
		c, err := r.ReadByte()
		if err != nil {
			return h, false, unexpected(err)
		}
		if c == ' ' && len(command) > 0 {
			break
		}
		if c < 'a' || c > 'z' || len(command) == maxCommand {
			return h, false, fmt.Errorf("%w: a command of other than at most %d small letters", errProtocol, maxCommand)
		}
		command = append(command, c)
	}
	h.command = string(command)
	if h.length, end, err = readNumber(r, maxLengthDigits, "length"); err != nil {
		return h, false, unexpected(err)
	}
	if end == '\n' && h.length > 0 {
		return h, false, fmt.Errorf("%w: a frame of length %d without data", errProtocol, h.length)
	}
	return h, end == '\n', nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// session is one connection. The reading goroutine is serve itself; answers are written
// by another one, since Done must not block.
type session struct {
	conn   net.Conn
	mu     sync.Mutex
	cond   *sync.Cond
	answer []byte // to be written
	open   int    // messages without an end
	failed bool   // something was not delivered: nothing is acknowledged any more
	ending bool   // no more answers will come
	broken error  // the connection cannot be written to
}

const writeTimeout = 30 * time.Second

// answerGrace is how long, after the source's context has ended, what was read may take
// to be answered.
const answerGrace = time.Second

func (q *session) wake() {
	q.mu.Lock()
	q.cond.Broadcast()
	q.mu.Unlock()
}

// finish waits for what has not been answered yet, and ends the writer.
func (q *session) finish(ctx context.Context) {
	late := false
	hurry := func() {
		q.mu.Lock()
		late = true
		q.cond.Broadcast()
		q.mu.Unlock()
	}
	var grace *time.Timer
	stop := context.AfterFunc(ctx, func() {
		q.mu.Lock()
		grace = time.AfterFunc(answerGrace, hurry)
		q.mu.Unlock()
	})
	defer stop()
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.open > 0 && q.broken == nil && !q.failed && !late {
		q.cond.Wait()
	}
	if grace != nil {
		grace.Stop()
	}
	q.ending = true
	q.cond.Broadcast()
}

// writer writes answers until the session ends. serve starts it and waits for it.
func (q *session) writer() {
	var buf []byte
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		for len(q.answer) == 0 && !q.ending && q.broken == nil {
			q.cond.Wait()
		}
		if q.broken != nil || len(q.answer) == 0 {
			return
		}
		buf, q.answer = q.answer, buf[:0]
		q.mu.Unlock()
		q.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		_, err := q.conn.Write(buf)
		q.mu.Lock()
		if err != nil {
			q.broken = err
			q.conn.Close()
			q.cond.Broadcast()
		}
	}
}

func (q *session) say(txn int64, command, data string) {
	q.mu.Lock()
	q.answer = appendFrame(q.answer, txn, command, data)
	q.cond.Broadcast()
	q.mu.Unlock()
}

func appendFrame(dst []byte, txn int64, command, data string) []byte {
	dst = strconv.AppendInt(dst, txn, 10)
	dst = append(append(dst, ' '), command...)
	dst = strconv.AppendInt(append(dst, ' '), int64(len(data)), 10)
	if data != "" {
		dst = append(append(dst, ' '), data...)
	}
	return append(dst, '\n')
}

// settle answers the messages of one block.
func (q *session) settle(s *Source, txns []int64, r ingest.Result) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open -= len(txns)
	if !r.OK() {
		q.failed = true
		s.refused.Add(int64(len(txns)))
		s.log.Warn("messages were not delivered, the connection is closed", "messages", len(txns), "error", r.Err)
		q.conn.Close() // what has no answer is sent again
	} else if !q.failed {
		s.acknowledged.Add(int64(len(txns)))
		for _, txn := range txns {
			q.answer = appendFrame(q.answer, txn, "rsp", "200 OK")
		}
	}
	q.cond.Broadcast()
}

const offer = "200 OK\nrelp_version=0\nrelp_software=penstock\ncommands=syslog"

// serve reads one connection to its end.
func (s *Source) serve(ctx context.Context, accepted *listen.Conn, out *ingest.Emit, g *gather.Gatherer, limits ingest.Limits) error {
	var conn net.Conn = accepted
	origin := &parse.Origin{Source: s.opts.Name, Peer: accepted.Peer, Hint: s.opts.Hint, Zone: s.opts.Zone}
	if s.tls != nil {
		t, subject, err := s.guard.Handshake(ctx, conn, s.tls)
		if err != nil {
			return err
		}
		conn, origin.Subject = t, subject
	}
	q := &session{conn: conn}
	q.cond = sync.NewCond(&q.mu)
	var writing sync.WaitGroup
	writing.Go(q.writer)
	defer context.AfterFunc(ctx, func() { // stop reading; what was read may still be answered
		conn.SetReadDeadline(time.Unix(1, 0))
		q.wake()
	})()
	defer func() {
		q.finish(ctx)
		writing.Wait()
	}()
	rd := reader{
		s: s, q: q, g: g, limits: limits, origin: origin, key: listen.PeerKey(accepted.Peer).String(), now: out.Now,
		r: bufio.NewReaderSize(&deadlineReader{conn, s, ctx}, 64<<10),
	}
	return rd.run(ctx)
}

// deadlineReader sets the idle timeout before each read.
type deadlineReader struct {
	net.Conn
	s   *Source
	ctx context.Context
}

func (d *deadlineReader) Read(b []byte) (int, error) {
	if idle := d.s.opts.Limits.IdleTimeout; idle > 0 {
		d.SetReadDeadline(time.Now().Add(idle))
	}
	if d.ctx.Err() != nil {
		return 0, context.Cause(d.ctx)
	}
	n, err := d.Conn.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) && d.ctx.Err() == nil {
		d.s.guard.CountIdle()
	}
	return n, err
}

// reader gathers the messages that a connection brings at once.
type reader struct {
	s      *Source
	q      *session
	g      *gather.Gatherer
	r      *bufio.Reader
	limits ingest.Limits
	origin *parse.Origin
	key    string
	now    func() time.Time

	opened bool
	text   []byte // of the messages of block
	block  gather.Block
	ends   []int // of the messages in text
	txns   []int64
}

const blockBytes = 64 << 10

func (rd *reader) run(ctx context.Context) error {
	for {
		h, ended, err := readHeader(rd.r)
		if err == nil {
			err = rd.frame(ctx, h, ended)
		}
		if err != nil {
			flushed := rd.flush(ctx)
			switch {
			case err == errClosed:
				return rd.close(ctx)
			case errors.Is(flushed, ingest.ErrClosed):
				return flushed
			case err == io.EOF || ctx.Err() != nil:
				return nil
			}
			return err
		}
		if rd.r.Buffered() == 0 || len(rd.text) >= blockBytes || len(rd.txns) >= rd.s.opts.MaxUnacknowledged/2+1 {
			if err := rd.flush(ctx); err != nil {
				return err
			}
		}
	}
}

// errClosed says that the peer has ended the session.
var errClosed = errors.New("closed")

// frame reads the rest of a frame and acts on it.
func (rd *reader) frame(ctx context.Context, h header, ended bool) error {
	keep := h.length
	if h.command == "syslog" {
		if h.length > int64(rd.limits.MaxMessage) {
			keep = int64(rd.limits.KeepOversize)
		}
	} else if h.length > 16<<10 {
		return fmt.Errorf("%w: a %s command of %d bytes", errProtocol, h.command, h.length)
	}
	start := len(rd.text)
	if !ended {
		rd.text = slices.Grow(rd.text, int(keep))[:start+int(keep)]
		if _, err := io.ReadFull(rd.r, rd.text[start:]); err != nil {
			rd.text = rd.text[:start]
			return unexpected(err)
		}
		if _, err := io.CopyN(io.Discard, rd.r, h.length-keep); err != nil {
			rd.text = rd.text[:start]
			return unexpected(err)
		}
		if c, err := rd.r.ReadByte(); err != nil || c != '\n' {
			rd.text = rd.text[:start]
			if err == nil {
				err = fmt.Errorf("%w: a frame does not end with LF where its length says", errProtocol)
			}
			return unexpected(err)
		}
	}
	data := rd.text[start:]
	switch {
	case h.command == "open":
		rd.opened = true
		rd.text = rd.text[:start]
		rd.q.say(h.txn, "rsp", offer)
	case h.command == "close":
		rd.text = rd.text[:start]
		rd.txns = append(rd.txns, h.txn) // the last one: answered by close
		return errClosed
	case !rd.opened:
		return fmt.Errorf("%w: a %s command before open", errProtocol, h.command)
	case h.command == "syslog":
		if keep < h.length {
			rd.block.Faults = append(rd.block.Faults, ingest.Fault{Msg: len(rd.ends), Err: errOversize, Length: h.length})
		} else {
			rd.text = rd.text[:start+len(gather.TrimEnd(data))]
		}
		rd.ends = append(rd.ends, len(rd.text))
		rd.txns = append(rd.txns, h.txn)
		if rd.s.opts.Rate != nil {
			if err := rd.s.opts.Rate.Wait(ctx, rd.key, 1, len(data)); err != nil && errcat.Of(err) != errcat.Oversize {
				return err
			}
		}
	default:
		rd.text = rd.text[:start]
		rd.q.say(h.txn, "rsp", "500 unknown command")
	}
	return nil
}

// flush hands on what was gathered, when the window has room.
func (rd *reader) flush(ctx context.Context) error {
	n := len(rd.ends)
	if n == 0 {
		return nil
	}
	q := rd.q
	q.mu.Lock()
	for q.open > 0 && q.open+n > rd.s.opts.MaxUnacknowledged && q.broken == nil && !q.failed && ctx.Err() == nil {
		q.cond.Wait()
	}
	dead := q.broken != nil || q.failed || ctx.Err() != nil
	if !dead {
		q.open += n
	}
	q.mu.Unlock()
	if dead {
		return net.ErrClosed
	}
	now, start := rd.now(), 0
	for _, end := range rd.ends {
		rd.block.Msgs = append(rd.block.Msgs, parse.Message{Raw: rd.text[start:end:end], Origin: rd.origin, Received: now})
		start = end
	}
	txns := slices.Clone(rd.txns[:n])
	err := rd.g.Add(ctx, &rd.block, true, func(r ingest.Result) { q.settle(rd.s, txns, r) })
	if err == nil {
		rd.s.messages.Add(int64(n))
	}
	rd.block.Reset()
	rd.text, rd.ends, rd.txns = rd.text[:0], rd.ends[:0], append(rd.txns[:0], rd.txns[n:]...)
	if cap(rd.text) > 4*blockBytes {
		rd.text = nil
	}
	return err
}

// close answers the peer's close when everything before it has been answered.
func (rd *reader) close(ctx context.Context) error {
	q := rd.q
	q.mu.Lock()
	for q.open > 0 && q.broken == nil && !q.failed && ctx.Err() == nil {
		q.cond.Wait()
	}
	q.answer = appendFrame(q.answer, rd.txns[len(rd.txns)-1], "rsp", "")
	q.answer = appendFrame(q.answer, 0, "serverclose", "")
	q.mu.Unlock()
	return nil
}
