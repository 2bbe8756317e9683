module r2creds.dev/go/bench

go 1.24

require (
	github.com/cloudflare/cloudflare-go/v6 v6.10.0
	r2creds.dev/go v0.2.0
)

require (
	github.com/tidwall/gjson v1.14.4 // indirect
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.2.1 // indirect
	github.com/tidwall/sjson v1.2.5 // indirect
)

replace r2creds.dev/go => ../
