module r2creds

go 1.22
