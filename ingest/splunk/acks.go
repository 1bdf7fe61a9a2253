package splunk

import (
	"container/list"
	stdjson "encoding/json"
	"net/http"
	"strconv"
	"sync"

	"github.com/penstock-dev/penstock/ingest/internal/httpin"
)

// acks keeps for each channel which requests have been delivered.
type acks struct {
	maxChannels, maxAcks int

	mu       sync.Mutex
	channels map[string]*channel
	recent   list.List // of *channel, that of the last request first
}

type channel struct {
	name  string
	next  int64
	state map[int64]bool // delivered
	place *list.Element
}

func newAcks(maxChannels, maxAcks int) *acks {
	return &acks{maxChannels: maxChannels, maxAcks: maxAcks, channels: map[string]*channel{}}
}

// open returns the id of a new request, or false if the channel has too many.
func (a *acks) open(name string) (int64, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.channels[name]
	if c == nil {
		if len(a.channels) >= a.maxChannels {
			oldest := a.recent.Remove(a.recent.Back()).(*channel)
			delete(a.channels, oldest.name)
		}
		c = &channel{name: name, state: map[int64]bool{}}
		c.place = a.recent.PushFront(c)
		a.channels[name] = c
	}
	a.recent.MoveToFront(c.place)
	if len(c.state) >= a.maxAcks {
		return 0, false
	}
	id := c.next
	c.next++
	c.state[id] = false
	return id, true
}

func (a *acks) delivered(name string, id int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.channels[name]; c != nil {
		if _, known := c.state[id]; known {
			c.state[id] = true
		}
	}
}

func (a *acks) drop(name string, id int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.channels[name]; c != nil {
		delete(c.state, id)
	}
}

// take reports whether a request has been delivered, and forgets it if so.
func (a *acks) take(name string, id int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.channels[name]
	if c == nil || !c.state[id] {
		return false
	}
	a.recent.MoveToFront(c.place)
	delete(c.state, id)
	return true
}

// status answers /services/collector/ack.
func (h *handler) status(w http.ResponseWriter, r *httpin.Request) error {
	if !h.opts.Acks {
		write(w, http.StatusBadRequest, codeAcksOff, "ACK is disabled", eventNumberAbsent, -1)
		return nil
	}
	name, err := channelOf(r.Request)
	if err != nil || name == "" {
		write(w, http.StatusBadRequest, codeNoChannel, "Data channel is missing", eventNumberAbsent, -1)
		return nil
	}
	body, err := r.Bytes()
	if err != nil {
		return err
	}
	var ask struct{ Acks []int64 }
	if stdjson.Unmarshal(body, &ask) != nil || len(ask.Acks) > h.opts.MaxAcks {
		write(w, http.StatusBadRequest, codeBadFormat, "Invalid data format", eventNumberAbsent, -1)
		return nil
	}
	answer := struct {
		Acks map[string]bool `json:"acks"`
	}{map[string]bool{}}
	for _, id := range ask.Acks {
		key := strconv.FormatInt(id, 10)
		answer.Acks[key] = answer.Acks[key] || h.acks.take(name, id)
	}
	w.Header().Set("Content-Type", "application/json")
	return stdjson.NewEncoder(w).Encode(answer)
}
