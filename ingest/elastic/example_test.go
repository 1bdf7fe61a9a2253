package elastic_test

import (
	"fmt"

	"github.com/penstock-dev/penstock/ingest/elastic"
)

// For rsyslog:
//
//	action(type="omelasticsearch" server="127.0.0.1" serverport="9200" searchIndex="logs" searchType="" bulkmode="on")
func Example() {
	src, err := elastic.Listen(elastic.ServerOptions{Address: "127.0.0.1:0", Tokens: []string{"beats:s3cret"}}, elastic.Options{Version: "8.19.0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close() // a pipeline that runs the source closes it
	fmt.Println(src.Name())
	// Output: elastic
}
