package r2creds_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"r2creds"
)

// A phase holds a call up. Arrived waits until the call is there.
type phase struct {
	name, url, account string
	arrived            func(t testing.TB)
	option             r2creds.RequestOption
}

func phases(t *testing.T) []phase {
	server := newAPI(t)
	held := func(t testing.TB) { await(t, "the request", server.reached) }
	accepted := make(chan struct{}, 1000)
	silent := listen(t, accepted)
	here := func(t testing.TB) { await(t, "the connection", accepted) }
	full := fullBacklog(t)
	return []phase{
		{"connect", "http://" + full, "plain", func(t testing.TB) { awaitConnecting(t, full) }, nil},
		{"handshake", "https://" + silent, "plain", here, nil},
		// More than the sockets' buffers hold, to a server that does not read.
		{"sending", "http://" + silent, "plain", here, r2creds.WithExtraBody(`{"a":"` + strings.Repeat("x", 32<<20) + `"}`)},
		{"waiting", server.URL, "hangs", held, nil},
		{"reading", server.URL, "drips", held, nil},
		{"between attempts", server.URL, "waits", held, nil},
	}
}

// listen accepts connections and does nothing with them.
func listen(t *testing.T, accepted chan<- struct{}) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { connection.Close() })
			accepted <- struct{}{}
		}
	}()
	return listener.Addr().String()
}

// fullBacklog is an address where a connection is neither accepted nor refused.
func fullBacklog(t *testing.T) string {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(socket) })
	if err := errors.Join(syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}),
		syscall.Listen(socket, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 8 {
		connection, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { connection.Close() })
	}
	t.Fatal("a backlog of 0 holds 8 connections")
	return ""
}

// awaitConnecting waits until the system lists a connection to this address whose handshake has begun.
func awaitConnecting(t testing.TB, address string) {
	var port int
	fmt.Sscanf(address, "127.0.0.1:%d", &port)
	until(t, "a connection attempt", func() bool {
		table, err := os.ReadFile("/proc/net/tcp")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(table), fmt.Sprintf(" 0100007F:%04X 02 ", port))
	})
}

// In every phase, a call ends when its context is cancelled, when its deadline passes, and when its client is closed.
func TestACallEndsInEveryPhase(t *testing.T) {
	for _, phase := range phases(t) {
		t.Run(phase.name, func(t *testing.T) { endsInEveryWay(t, phase) })
	}
}

func endsInEveryWay(t *testing.T, in phase) {
	var options []r2creds.RequestOption
	if in.option != nil {
		options = append(options, in.option)
	}
	begin := func(ctx context.Context) (*r2creds.Client, <-chan error) {
		client := newClient(t, in.url, r2creds.WithMaxRetries(2), r2creds.WithConnectTimeout(20*time.Second))
		ended := make(chan error, 1)
		go func() {
			_, err := client.Create(ctx, forAccount(in.account), options...)
			ended <- err
		}()
		in.arrived(t)
		return client, ended
	}

	ctx, cancel := context.WithCancel(background)
	_, ended := begin(ctx)
	start := time.Now()
	cancel()
	err := <-ended
	within(t, time.Since(start), 0, promptly)
	failed(t, err, r2creds.ErrCancelled)
	equal(t, "context.Canceled", errors.Is(err, context.Canceled), true)

	client, ended := begin(background)
	start = time.Now()
	client.Close()
	err = <-ended
	within(t, time.Since(start), 0, promptly)
	failed(t, err, r2creds.ErrCancelled)

	if in.name == "between attempts" {
		return // with a deadline before the next attempt there is no wait: the test of deadlines has it
	}
	start = time.Now()
	ctx, cancel = context.WithTimeout(background, 400*time.Millisecond)
	defer cancel()
	_, ended = begin(ctx)
	err = <-ended
	within(t, time.Since(start), 395*time.Millisecond, 400*time.Millisecond+promptly)
	failed(t, err, r2creds.ErrTimeout)
	equal(t, "context.DeadlineExceeded", errors.Is(err, context.DeadlineExceeded), true)
}

func threads(t testing.TB) int {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(tasks)
}

// manyCancelled makes a thousand calls, sixteen at a time, and cancels each. Go keeps a thread that a call has blocked
// for the next one, so a first round is made before anything is counted.
func manyCancelled(t *testing.T, one func()) (goroutines, operatingSystem int) {
	round := func(calls int) {
		var all sync.WaitGroup
		for range 16 {
			all.Add(1)
			go func() {
				defer all.Done()
				for range calls / 16 {
					one()
				}
			}()
		}
		all.Wait()
	}
	round(160)
	goroutines, operatingSystem = runtime.NumGoroutine(), threads(t)
	round(1008)
	return goroutines, operatingSystem
}

func TestAThousandCancelledCallsLeaveNothing(t *testing.T) {
	var cancels sync.Map
	server := newAPIThat(t, func(account string) {
		cancel, _ := cancels.Load(account)
		cancel.(context.CancelFunc)()
	})
	client := newClient(t, server.URL)
	var mu sync.Mutex
	number := 0
	goroutines, operatingSystem := manyCancelled(t, func() {
		mu.Lock()
		number++
		account := fmt.Sprint("hangs-", number)
		mu.Unlock()
		ctx, cancel := context.WithCancel(background)
		defer cancel()
		cancels.Store(account, cancel)
		if _, err := client.Create(ctx, forAccount(account)); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	// The server's own goroutines end when it sees that the connections are closed.
	until(t, "goroutines as before", func() bool { return runtime.NumGoroutine() <= goroutines+4 })
	until(t, "threads as before", func() bool { return threads(t) <= operatingSystem+16 })
}

// The phase that cannot be interrupted, in a process of its own whose name lookups never end.
func TestALookupThatNeverEndsDoesNotHoldACallUp(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	if !inProcessWith(t, "testdata/lookup.c", write, read) { // there they are 3 and 4
		return
	}
	begun := make(chan struct{}, 10_000)
	go func() {
		for lookups := bufio.NewReader(os.NewFile(4, "lookups")); ; {
			if _, err := lookups.ReadByte(); err != nil {
				return
			}
			begun <- struct{}{}
		}
	}()
	endsInEveryWay(t, phase{"lookup", "https://something.invalid", "plain",
		func(t testing.TB) { await(t, "the lookup", begun) }, nil})

	client := newClient(t, "https://something.invalid")
	goroutines, operatingSystem := manyCancelled(t, func() {
		ctx, cancel := context.WithCancel(background)
		defer time.AfterFunc(time.Millisecond, cancel).Stop()
		if _, err := client.Create(ctx, validParams()); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	until(t, "goroutines as before", func() bool { return runtime.NumGoroutine() <= goroutines+4 })
	until(t, "threads as before", func() bool { return threads(t) <= operatingSystem+16 })
	equal(t, "lookups for one host and client", len(begun), 1)
}
