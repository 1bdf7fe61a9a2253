package ingest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/parse"
)

func testLadder(t *testing.T, p Priorities[int]) (*ladder, *[]string) {
	t.Helper()
	p.Classify = func(*parse.Message) int { return 0 }
	if err := p.prepare(); err != nil {
		t.Fatal(err)
	}
	l := newLadder(&p)
	var told []string
	l.apply = func(int, Step) {}
	l.tell = func(class int, s Step, in bool, _ time.Duration) {
		told = append(told, fmt.Sprintf("%s %s %t", p.Classes[class].Name, s, in))
	}
	return l, &told
}

// Steps are entered one by one, the lowest class first, and left in the reverse order;
// the first class is never touched.
func TestLadder(t *testing.T) {
	l, told := testLadder(t, Priorities[int]{Classes: []Class{{Name: "a"}, {Name: "b"}, {Name: "c"}}})
	now := time.Unix(0, 0)
	look := func(pressure float64, d time.Duration) {
		for end := now.Add(d); now.Before(end); now = now.Add(10 * time.Millisecond) {
			l.look(now, pressure)
		}
	}
	look(0.9, time.Second)
	want := "c delay true,c sample true,c shed true,b delay true,b sample true,b shed true"
	if got := strings.Join(*told, ","); got != want {
		t.Errorf("entered %s, want %s", got, want)
	}
	if l.step(0) != NoStep || l.step(1) != Shed || l.step(2) != Shed {
		t.Errorf("steps %s %s %s", l.step(0), l.step(1), l.step(2))
	}
	*told = nil
	look(0.5, 10*time.Second) // between low and high nothing changes
	if len(*told) != 0 {
		t.Errorf("between the bounds: %q", *told)
	}
	look(0.1, 13*time.Second)
	want = "b shed false,b sample false,b delay false,c shed false,c sample false,c delay false"
	if got := strings.Join(*told, ","); got != want {
		t.Errorf("left %s, want %s", got, want)
	}
}

// Where a step is needed again as soon as it is left, it is held longer and longer, so
// that the number of changes stays small; after a calm time the ladder forgets that.
func TestLadderDoesNotOscillate(t *testing.T) {
	l, told := testLadder(t, Priorities[int]{Classes: []Class{{Name: "a"}, {Name: "b", Steps: []Step{Shed}}}, Leave: time.Second})
	now := time.Unix(0, 0)
	for end := now.Add(10 * time.Minute); now.Before(end); now = now.Add(10 * time.Millisecond) {
		// Shedding takes all the pressure away, not shedding brings it back at once.
		pressure := 1.0
		if l.step(1) == Shed {
			pressure = 0
		}
		l.look(now, pressure)
	}
	if n := len(*told); n > 2*45 { // without memory: one change a second, 600 and more
		t.Errorf("%d changes in ten minutes", n)
	}
	for end := now.Add(5 * time.Minute); now.Before(end); now = now.Add(10 * time.Millisecond) {
		l.look(now, 0)
	}
	for _, r := range l.rungs {
		if r.hold != l.leave {
			t.Errorf("after calm the step %s is held for %s, want %s", r.step, r.hold, l.leave)
		}
	}
}

// The highest step comes and goes during a spike and is held longer and longer. When the
// spike is over the others are left as if nothing had been.
func TestLadderRecovers(t *testing.T) {
	l, told := testLadder(t, Priorities[int]{Classes: []Class{{Name: "a"}, {Name: "b"}, {Name: "c"}}, Leave: time.Second})
	now := time.Unix(0, 0)
	for end := now.Add(time.Minute); now.Before(end); now = now.Add(10 * time.Millisecond) {
		pressure := 1.0
		if l.step(1) == Shed {
			pressure = 0
		}
		l.look(now, pressure)
	}
	if n := len(*told); n < 10 || n > 30 {
		t.Errorf("%d changes in the spike", n)
	}
	over := now
	for ; l.level > 0 && now.Sub(over) < 10*time.Minute; now = now.Add(10 * time.Millisecond) {
		l.look(now, 0)
	}
	if most := (holdLimit + 6) * time.Second; now.Sub(over) > most {
		t.Errorf("recovered %s after the spike, want %s at most", now.Sub(over), most)
	}
}

// The step Sample keeps equal keys together, and about the part that it should.
func TestSampleIsStable(t *testing.T) {
	l, _ := testLadder(t, Priorities[int]{
		Classes: []Class{{}, {Sample: 0.2}},
		Key:     func(m *parse.Message) []byte { return m.Raw[:4] },
	})
	l.now[1].Store(uint32(Sample))
	kept := 0
	for host := range 5000 {
		first := fmt.Appendf(nil, "%04d one", host)
		other := fmt.Appendf(nil, "%04d another", host)
		_, a := l.drops(1, &parse.Message{Raw: first})
		_, b := l.drops(1, &parse.Message{Raw: other})
		if a != b {
			t.Fatalf("of host %d one message is kept and not the other", host)
		}
		if !a {
			kept++
		}
	}
	if kept < 900 || kept > 1100 {
		t.Errorf("kept %d of 5000, want about 1000", kept)
	}
}

// No class is starved: each gets its share of a busy feed, a delayed one a sixteenth of
// it; and a class has no more batches than are its own.
func TestFeedShares(t *testing.T) {
	f := newFeed([]float64{16, 4, 1}, 1<<30)
	f.spawn = func() {}
	src := &sourceState{}
	for class := range 3 {
		for range 3000 {
			f.push(&Chunk{class: uint8(class), Buf: make([]byte, 999), src: src})
		}
	}
	var n [3]int
	serve := func(times int) {
		n = [3]int{}
		for range times {
			c, _, _ := f.next()
			n[c.class]++
		}
	}
	serve(2100)
	if n != [3]int{1600, 400, 100} {
		t.Errorf("served %v of 2100, want 1600 400 100", n)
	}
	f.pace(1, true, false)
	serve(1000)
	if n[1] < 10 || n[1] > 20 {
		t.Errorf("a delayed class got %v of 1000, want about 15", n)
	}
	f.lanes[0].batches = 0
	serve(100)
	if n[0] != 0 {
		t.Error("a class without batches was served")
	}
	f.pace(2, true, true)
	serve(100)
	if n[2] != 100 {
		t.Errorf("a class that is shed does not go first: %v", n)
	}
	src.patient = true
	f.lanes[2].batches = 0
	serve(10)
	if n[2] != 0 {
		t.Error("what comes from a patient source was shed")
	}
}
