package pack

import "github.com/penstock-dev/penstock/internal/yaml"

type csvState struct{}

func newCSVState(*layer) csvState { return csvState{} }

func (c *compiler) csvLayer(l *layer, y *yaml.Node, common []string) error {
	return c.errorf(y, "csv is not there")
}
