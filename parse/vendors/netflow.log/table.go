package netflow

import (
	"fmt"
	"sync"

	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
	kernel "github.com/penstock-dev/penstock/parse/kernel/netflow"
)

// Name is the dataset of the events.
const Name = "netflow.log"

// Version is the version of the mapping.
const Version = "1.0.0"

// use says what becomes of an element.
type use uint8

const (
	keep       use = iota // below netflow
	skip                  // nothing: it says nothing
	address               // key, if it is an address
	number                // key, if it is a number
	count                 // the same; a counter that reverse counters stand beside
	port                  // key, if it is a number of 16 bits that is not 0 for a protocol without ports
	text                  // key
	digits                // key, as text
	startTime             // event.start
	endTime               // event.end
	startUp               // event.start, by the exporter's uptime
	endUp                 // event.end, likewise
	startDelta            // event.start, in microseconds before the export
	endDelta              //
	millis                // event.duration
	micros                //
	protocol              // network.iana_number
	direction             // network.direction
	icmp                  // type and code of ICMP
	icmpType              //
	icmpCode              //
	firewall              // event.type
)

type action struct {
	use use
	key parse.Key
}

// table says what becomes of each element. It is made at first use and read only.
type table struct {
	schema               *parse.Schema
	actions              [kernel.MaxElement + 1]action
	cisco                map[uint16]action
	kept                 [kernel.MaxElement + 1]parse.Key // below netflow
	keptCisco            map[uint16]parse.Key
	base, options        *parse.Block
	top, scopes, opts    parse.Key
	exporterAddress      parse.Key
	exporterDomain       parse.Key
	exporterTime         parse.Key
	exporterUptime       parse.Key
	exporterVersion      parse.Key
	engineType, engineID parse.Key
	samplingInterval     parse.Key
	samplingAlgorithm    parse.Key
}

var ciscoIDs = []uint16{33000, 33001, 33002, 40000, 40001, 40002, 40003, 40004, 40005}

var tables = sync.OnceValue(func() *table {
	names := []string{"netflow", "netflow.type", "netflow.scope", "netflow.options", "netflow.exporter.address",
		"netflow.exporter.source_id", "netflow.exporter.timestamp", "netflow.exporter.uptime_millis", "netflow.exporter.version"}
	for id := range uint16(kernel.MaxElement + 1) {
		if e := kernel.Lookup(id); e != nil {
			names = append(names, "netflow."+e.Field)
		}
	}
	for _, id := range ciscoIDs {
		names = append(names, "netflow."+kernel.LookupCisco(id).Field)
	}
	schema, err := parse.NewSchema(names...)
	if err != nil {
		panic(err) // constants only
	}
	key := func(name string) parse.Key {
		k, ok := schema.Lookup(name)
		if !ok {
			panic(fmt.Sprintf("netflow: no field %s", name))
		}
		return k
	}
	t := &table{
		schema: schema, cisco: map[uint16]action{}, keptCisco: map[uint16]parse.Key{},
		top: key("netflow"), scopes: key("netflow.scope"), opts: key("netflow.options"),
		exporterAddress: key("netflow.exporter.address"), exporterDomain: key("netflow.exporter.source_id"),
		exporterTime: key("netflow.exporter.timestamp"), exporterUptime: key("netflow.exporter.uptime_millis"),
		exporterVersion: key("netflow.exporter.version"), engineType: key("netflow.engine_type"), engineID: key("netflow.engine_id"),
		samplingInterval: key("netflow.sampling_interval"), samplingAlgorithm: key("netflow.sampling_algorithm"),
	}
	for id := range uint16(kernel.MaxElement + 1) {
		if e := kernel.Lookup(id); e != nil {
			t.kept[id] = key("netflow." + e.Field)
		}
	}
	for _, id := range ciscoIDs {
		t.keptCisco[id] = key("netflow." + kernel.LookupCisco(id).Field)
	}
	block := func(kind, typ string) *parse.Block {
		list := func(s string) parse.Value { return parse.ListValue([]parse.Value{parse.StringValue(s)}) }
		return parse.NewBlock(
			[]parse.Key{ecs.EventKind, ecs.EventModule, ecs.EventDataset, ecs.EventAction, ecs.EventCategory, ecs.EventType, ecs.ECSVersion, key("netflow.type")},
			[]parse.Value{parse.StringValue("event"), parse.StringValue("netflow"), parse.StringValue(Name), parse.StringValue(kind),
				list("network"), list(typ), parse.StringValue(ecs.Version), parse.StringValue(kind)})
	}
	t.base, t.options = block("netflow_flow", "connection"), block("netflow_options", "info")
	for _, row := range [...]struct {
		use use
		key parse.Key
		ids []uint16
	}{
		{skip, 0, []uint16{210}},
		{address, ecs.SourceIP, []uint16{8, 27}},
		{address, ecs.DestinationIP, []uint16{12, 28}},
		{address, ecs.SourceNATIP, []uint16{225, 281}},
		{address, ecs.DestinationNATIP, []uint16{226, 282}},
		{port, ecs.SourcePort, []uint16{7, 180, 182}},
		{port, ecs.DestinationPort, []uint16{11, 181, 183}},
		{port, ecs.SourceNATPort, []uint16{227}},
		{port, ecs.DestinationNATPort, []uint16{228}},
		{text, ecs.SourceMAC, []uint16{56}},
		{text, ecs.DestinationMAC, []uint16{80}},
		{number, ecs.SourceASNumber, []uint16{16}},
		{number, ecs.DestinationASNumber, []uint16{17}},
		{count, ecs.SourceBytes, []uint16{1, 85, 231}},
		{count, ecs.SourcePackets, []uint16{2, 86, 298}},
		{count, ecs.DestinationBytes, []uint16{232}},
		{count, ecs.DestinationPackets, []uint16{299}},
		{protocol, 0, []uint16{4}},
		{direction, 0, []uint16{61}},
		{icmp, 0, []uint16{32, 139}},
		{icmpType, 0, []uint16{176, 178}},
		{icmpCode, 0, []uint16{177, 179}},
		{digits, ecs.ObserverIngressInterfaceID, []uint16{10}},
		{digits, ecs.ObserverEgressInterfaceID, []uint16{14}},
		{digits, ecs.NetworkVLANID, []uint16{58, 243}},
		{startTime, 0, []uint16{150, 152, 154, 156}},
		{endTime, 0, []uint16{151, 153, 155, 157}},
		{startUp, 0, []uint16{22}},
		{endUp, 0, []uint16{21}},
		{startDelta, 0, []uint16{158}},
		{endDelta, 0, []uint16{159}},
		{millis, 0, []uint16{161}},
		{micros, 0, []uint16{162}},
		{firewall, 0, []uint16{233}},
		{text, ecs.UserName, []uint16{371}},
		{text, ecs.HTTPRequestMethod, []uint16{459}},
		{text, ecs.URLDomain, []uint16{460}},
		{text, ecs.URLOriginal, []uint16{461}},
		{text, ecs.HTTPVersion, []uint16{462}},
		{number, ecs.HTTPResponseStatusCode, []uint16{457}},
		{text, ecs.UserAgentOriginal, []uint16{468}},
	} {
		for _, id := range row.ids {
			t.actions[id] = action{row.use, row.key}
		}
	}
	t.cisco = map[uint16]action{
		40000: {text, ecs.UserName}, 40001: {address, ecs.SourceNATIP}, 40002: {address, ecs.DestinationNATIP},
		40003: {port, ecs.SourceNATPort}, 40004: {port, ecs.DestinationNATPort}, 40005: {firewall, 0},
	}
	return t
})
