// Package netflow makes ECS events of NetFlow 5, NetFlow 9 and IPFIX: one for each flow, and
// one for each record of options (event.action netflow_flow, netflow_options). A message is
// one datagram.
//
//	p, err := netflow.New(netflow.Options{})
//	...
//	ingest.Config[parse.Record]{Parser: p, …}
//
// In a pipeline the templates of each source are followed in its order (see parse.PerSource),
// so that the events are the same for any number of workers. An exporter is a source name
// and peer address; data that comes before its template is held, see package
// parse/kernel/netflow.
//
// # Fields
//
// Addresses, ports, MAC addresses, AS numbers, bytes and packets go to source.* and
// destination.*, with those of the other direction (RFC 5103, responderOctets) at the
// destination; translated addresses to source.nat.* and destination.nat.*. Of a flow with
// one direction network.bytes is source.bytes, and so for packets. protocolIdentifier is
// network.iana_number, from which network.transport follows, and with the addresses and ports
// network.community_id; ICMP takes type and code from the flow. flowDirection is
// network.direction: inbound where it came in at the exporter, outbound where it left.
// Interfaces are observer.ingress.interface.id and observer.egress.interface.id, the exporter's address is
// observer.ip. event.start, event.end and event.duration come from whichever clock the flow
// uses, @timestamp is the time of export.
//
// Everything else is kept below netflow by the name of its information element in lower case
// with underscores, as Elastic's netflow fields are: netflow.tcp_control_bits,
// netflow.bgp_next_hop_ipv4_address. What an options record says stands below netflow.options, and
// what it is about below netflow.scope. Fields that the registry does not know are
// netflow.field_N, those of enterprises netflow.enterprise_E_field_N. netflow.exporter.* says
// which exporter, domain, version and export time; netflow.type is netflow_flow or
// netflow_options.
//
// event.original is not set: a flow is a part of a datagram that means nothing without its template.
//
// # Errors
//
// Those of the kernel: a part of a datagram that cannot be read is a dead letter of its own
// that holds the datagram's header and that part, and the flows around it are events.
package netflow
