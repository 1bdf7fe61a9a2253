// Command filebeat-core is the part of Filebeat that moves events, without the modules, discovery and
// outputs that make the whole of it slow to build: its filestream input, its registry of offsets, its
// queue and pipeline, its outputs elasticsearch and logstash. It reads the same configuration, of which it
// takes the first input.
package main

import (
	"context"
	"flag"
	"log"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/elastic/beats/v7/filebeat/input/filestream"
	v2 "github.com/elastic/beats/v7/filebeat/input/v2"
	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/beats/v7/libbeat/idxmgmt"
	"github.com/elastic/beats/v7/libbeat/licenser"
	"github.com/elastic/beats/v7/libbeat/logp"
	"github.com/elastic/beats/v7/libbeat/outputs"
	_ "github.com/elastic/beats/v7/libbeat/outputs/codec/json"
	"github.com/elastic/beats/v7/libbeat/outputs/elasticsearch"
	_ "github.com/elastic/beats/v7/libbeat/outputs/logstash"
	"github.com/elastic/beats/v7/libbeat/publisher/pipeline"
	"github.com/elastic/beats/v7/libbeat/publisher/processing"
	_ "github.com/elastic/beats/v7/libbeat/publisher/queue/memqueue"
	"github.com/elastic/beats/v7/libbeat/statestore"
	"github.com/elastic/beats/v7/libbeat/statestore/backend/memlog"
	"github.com/elastic/beats/v7/libbeat/version"
	"github.com/elastic/go-concert/unison"
)

func main() {
	file := flag.String("c", "filebeat.yml", "the configuration")
	data := flag.String("data", "data", "the folder of the registry")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *file, *data); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, file, data string) error {
	raw, err := common.LoadFile(file)
	if err != nil {
		return err
	}
	var conf struct {
		Inputs   []*common.Config       `config:"filebeat.inputs"`
		Pipeline pipeline.Config        `config:",inline"`
		Output   common.ConfigNamespace `config:"output"`
		Logging  logp.Config            `config:"logging"`
	}
	conf.Logging = logp.DefaultConfig(logp.DefaultEnvironment)
	if err := raw.Unpack(&conf); err != nil {
		return err
	}
	if err := logp.Configure(conf.Logging); err != nil {
		return err
	}
	info := beat.Info{Beat: "filebeat", IndexPrefix: "filebeat", Version: version.GetDefaultVersion(), Name: "test", Hostname: "test"}
	if _, err := elasticsearch.RegisterGlobalCallback(licenser.FetchAndVerify); err != nil {
		return err
	}
	index, err := idxmgmt.DefaultSupport(logp.L(), info, raw)
	if err != nil {
		return err
	}
	processors, err := processing.MakeDefaultBeatSupport(true)(info, logp.L(), raw)
	if err != nil {
		return err
	}
	out, err := pipeline.Load(info, pipeline.Monitors{Logger: logp.L()}, conf.Pipeline, processors, func(seen outputs.Observer) (string, outputs.Group, error) {
		group, err := outputs.Load(index, info, seen, conf.Output.Name(), conf.Output.Config())
		return conf.Output.Name(), group, err
	})
	if err != nil {
		return err
	}
	defer out.Close()

	backend, err := memlog.New(logp.L(), memlog.Settings{Root: filepath.Join(data, "registry")})
	if err != nil {
		return err
	}
	plugin := filestream.Plugin(logp.L(), registry{statestore.NewRegistry(backend)})
	var tasks unison.TaskGroup
	defer tasks.Stop()
	if err := plugin.Manager.Init(&tasks, v2.ModeRun); err != nil {
		return err
	}
	input, err := plugin.Manager.Create(conf.Inputs[0])
	if err != nil {
		return err
	}
	return input.Run(v2.Context{Logger: logp.L(), ID: "test", Agent: info, Cancelation: ctx}, out)
}

// registry is where the input keeps its offsets.
type registry struct{ stores *statestore.Registry }

func (r registry) Access() (*statestore.Store, error) { return r.stores.Get("filebeat") }

func (registry) CleanupInterval() time.Duration { return time.Minute }
