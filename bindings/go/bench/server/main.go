// Stands in for Cloudflare's API until its input ends; prints where it is.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json") // the SDK wants it
		io.WriteString(w, `{"success":true,"errors":[],"messages":[],"result":{"accessKeyId":"minted-id",`+
			`"secretAccessKey":"minted-secret","sessionToken":"minted-token"}}`)
	}))
	io.Copy(io.Discard, os.Stdin)
}
