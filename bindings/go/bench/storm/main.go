// storm URL SECONDS: as benches/storm.c, in Go: 32 goroutines on one provider whose API does all that can go wrong.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	r2creds "r2creds.dev/go"
)

const goroutines = 32

// seen is what happened to one goroutine, or to all.
type seen struct {
	gets, failed int
	worst        time.Duration
	lives        map[time.Time]bool
}

func run(provider *r2creds.Provider, life time.Duration) seen {
	all := seen{lives: map[time.Time]bool{}}
	var mu sync.Mutex
	var done sync.WaitGroup
	end := time.Now().Add(life)
	for range goroutines {
		done.Add(1)
		go func() {
			defer done.Done()
			one := seen{lives: map[time.Time]bool{}}
			for time.Now().Before(end) {
				began := time.Now()
				credentials, err := provider.Get(context.Background())
				one.worst = max(one.worst, time.Since(began))
				one.gets++
				if err != nil {
					one.failed++
					log.Print(err)
				} else if !time.Now().Before(credentials.ExpiresAt) {
					log.Fatal("one that is over")
				} else {
					one.lives[credentials.IssuedAt] = true
				}
				time.Sleep(time.Millisecond)
			}
			mu.Lock()
			defer mu.Unlock()
			all.gets, all.failed, all.worst = all.gets+one.gets, all.failed+one.failed, max(all.worst, one.worst)
			for life := range one.lives {
				all.lives[life] = true
			}
		}()
	}
	done.Wait()
	return all
}

func main() {
	seconds, err := strconv.ParseFloat(os.Args[2], 64)
	if err != nil {
		log.Fatal(err)
	}
	client, err := r2creds.NewClient(r2creds.WithAPIToken("token"), r2creds.WithBaseURL(os.Args[1]),
		r2creds.WithAttemptTimeout(time.Second))
	if err != nil {
		log.Fatal(err)
	}
	provider, err := client.NewProvider(r2creds.Params{AccountID: "023e105f4ecef8ad9ca31a8372d0c353",
		Bucket: "example-bucket", ParentAccessKeyID: "0123456789abcdef0123456789abcdef",
		Permission: r2creds.ObjectReadOnly, TTL: time.Minute}) // due after 45 s, overdue after 50
	if err != nil {
		log.Fatal(err)
	}
	for { // until there is one, waiting and failing is right
		if _, err := provider.Get(context.Background()); err == nil {
			break
		}
		time.Sleep(500 * time.Millisecond)
	}
	run(provider, time.Second)
	before := runtime.NumGoroutine()
	all := run(provider, time.Duration(seconds*float64(time.Second)))
	fmt.Printf("Go: %d gets of %d goroutines through %d credentials: %d failed, the longest took %v; goroutines %d -> %d\n",
		all.gets, goroutines, len(all.lives), all.failed, all.worst.Round(time.Millisecond), before,
		runtime.NumGoroutine())
	provider.Close()
	if all.failed > 0 || all.worst > 2500*time.Millisecond || runtime.NumGoroutine() > before {
		os.Exit(1)
	}
}
