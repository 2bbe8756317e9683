module r2creds.dev/go

go 1.22
