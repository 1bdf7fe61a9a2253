package ingest

import (
	"strings"

	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// RecordNotice makes an ECS event of a notice: event.kind is pipeline_error where events
// are missing or a component failed, else state; event.action is the kind, event.dataset
// is penstock.notice, message says it all. It fits Config.NoticeEvent.
func RecordNotice(n *Notice, r *parse.Record) error {
	kind := "state"
	switch n.Kind {
	case Gap, WorkerHung, OutOfService:
		kind = "pipeline_error"
	}
	r.Pack = NoticeSource
	r.Set(ecs.Timestamp, parse.TimeValue(n.Time.UnixNano()))
	r.SetConst(ecs.EventKind, kind)
	r.SetConst(ecs.EventModule, "penstock")
	r.SetConst(ecs.EventDataset, "penstock.notice")
	r.SetString(ecs.EventAction, strings.ReplaceAll(n.Kind.String(), " ", "-"))
	r.SetString(ecs.Message, n.String())
	if !n.Since.IsZero() {
		r.Set(ecs.EventStart, parse.TimeValue(n.Since.UnixNano()))
	}
	return nil
}
