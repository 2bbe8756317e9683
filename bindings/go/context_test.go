package r2creds_test

import (
	"context"
	"errors"
	"net/http"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"

	r2creds "r2creds.dev/go"
)

func TestAContextThatIsOverSendsNothing(t *testing.T) {
	server := newAPI(t)
	client := newClient(t, server.URL)
	cancelled, cancel := context.WithCancel(background)
	cancel()
	_, err := client.Create(cancelled, validParams())
	equal(t, "attempts", failed(t, err, r2creds.ErrCancelled).Attempts, 0)
	equal(t, "cancelled", errors.Is(err, context.Canceled), true)
	equal(t, "deadline", errors.Is(err, context.DeadlineExceeded), false)

	expired, cancel := context.WithDeadline(background, time.Now().Add(-time.Second))
	defer cancel()
	_, err = client.Create(expired, validParams())
	failure := failed(t, err, r2creds.ErrTimeout)
	equal(t, "attempts", failure.Attempts, 0)
	equal(t, "timeout", failure.Timeout(), true)
	equal(t, "temporary", failure.Temporary(), true) // as of every timeout
	equal(t, "deadline", errors.Is(err, context.DeadlineExceeded), true)
	equal(t, "requests", server.count(), 0)
}

// The sooner of the context's deadline and the client's timeout ends the call.
func TestTheSoonerClockCounts(t *testing.T) {
	client := newClient(t, newAPI(t).URL)
	short := newClient(t, newAPI(t).URL, r2creds.WithTimeout(150*time.Millisecond))
	for _, each := range []struct {
		name     string
		client   *r2creds.Client
		deadline time.Duration
	}{
		{"no timeout, deadline", client, 150 * time.Millisecond},
		{"timeout, no deadline", short, 0},
		{"timeout, later deadline", short, time.Hour},
		{"timeout, deadline after years", short, 200 * 365 * 24 * time.Hour},
		{"later timeout, deadline", newClient(t, newAPI(t).URL, r2creds.WithTimeout(time.Hour)), 150 * time.Millisecond},
	} {
		start := time.Now()
		ctx, cancel := background, context.CancelFunc(func() {})
		if each.deadline != 0 {
			ctx, cancel = context.WithTimeout(ctx, each.deadline)
		}
		_, err := each.client.Create(ctx, forAccount("hangs"))
		took := time.Since(start)
		cancel()
		failed(t, err, r2creds.ErrTimeout)
		equal(t, each.name, errors.Is(err, context.DeadlineExceeded), true)
		within(t, took, 150*time.Millisecond, patience) // the other clocks are later than that
	}
	// However little is left is not "the client's", which is a minute.
	for range 20 {
		ctx, cancel := context.WithTimeout(background, 900*time.Microsecond)
		start := time.Now()
		_, err := client.Create(ctx, forAccount("hangs"))
		cancel()
		failed(t, err, r2creds.ErrTimeout)
		within(t, time.Since(start), 0, patience)
	}
	// Nor is the timeout of an option that is under a millisecond.
	start := time.Now()
	_, err := newClient(t, newAPI(t).URL, r2creds.WithTimeout(1)).Create(background, forAccount("hangs"))
	failed(t, err, r2creds.ErrTimeout)
	within(t, time.Since(start), 0, patience)
}

// Where there is no time for another attempt, the error is that of the last one, not that time ran out.
func TestADeadlineKeepsTheErrorThatTheServerSent(t *testing.T) {
	client := newClient(t, newAPI(t).URL, r2creds.WithMaxRetries(2))
	ctx, cancel := context.WithTimeout(background, 50*time.Second)
	defer cancel()
	start := time.Now()
	_, err := client.Create(ctx, forAccount("waits"))
	equal(t, "wait", failed(t, err, r2creds.ErrServerError).RetryAfter, 59*time.Second)
	within(t, time.Since(start), 0, patience)
}

// A context of somebody else's making, whose Done is closed without a deadline.
type ownContext struct {
	context.Context
	done chan struct{}
	err  error
}

func (c ownContext) Done() <-chan struct{} { return c.done }
func (c ownContext) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

func TestAContextOfAnotherKindEndsACallToo(t *testing.T) {
	for _, reason := range []error{context.Canceled, errors.New("something else"), context.DeadlineExceeded} {
		ctx := ownContext{background, make(chan struct{}), reason}
		server := newAPIThat(t, func(string) { close(ctx.done) })
		start := time.Now()
		_, err := newClient(t, server.URL).Create(ctx, forAccount("hangs"))
		within(t, time.Since(start), 0, patience) // the client's own clock is later
		if reason == context.DeadlineExceeded {
			failed(t, err, r2creds.ErrTimeout)
		} else {
			failed(t, err, r2creds.ErrCancelled)
		}
	}
}

// A context that says its deadline late: a call's trigger asks for it once the context is done.
type slowContext struct {
	ownContext
	asked, answer chan struct{}
}

func (c slowContext) Deadline() (time.Time, bool) {
	if c.Err() != nil {
		close(c.asked)
		<-c.answer
	}
	return time.Time{}, false
}

// A trigger that is running uses what is freed when the call returns, so the call does not return before it.
func TestACallWaitsForItsTrigger(t *testing.T) {
	own := ownContext{background, make(chan struct{}), context.Canceled}
	ctx := slowContext{own, make(chan struct{}), make(chan struct{})}
	server := newAPIThat(t, func(string) {
		close(ctx.done)
		<-ctx.asked
		panic(http.ErrAbortHandler) // ends the connection
	})
	client := newClient(t, server.URL)
	ended := make(chan error, 1)
	go func() {
		_, err := client.Create(ctx, forAccount("hangs"))
		ended <- err
	}()
	await(t, "the end of the connection", server.closed)
	select {
	case <-ended:
		t.Fatal("returned while its trigger was running")
	case <-time.After(100 * time.Millisecond):
	}
	close(ctx.answer)
	failed(t, <-ended, r2creds.ErrConnection)
}

// Close ends what is in flight, waits for it, and is the last thing that a client does.
func TestCloseEndsTheCallsInFlight(t *testing.T) {
	server := newAPI(t)
	within(t, median(func() time.Duration {
		client := newClient(t, server.URL)
		var all sync.WaitGroup
		for range 16 {
			all.Add(1)
			go func() {
				defer all.Done()
				_, err := client.Create(background, forAccount("hangs"))
				if !errors.Is(err, r2creds.ErrCancelled) {
					t.Error(err)
				}
			}()
		}
		for range 16 {
			await(t, "a call in flight", server.reached)
		}
		start := time.Now()
		var closers sync.WaitGroup
		for range 4 { // at the same time, too
			closers.Add(1)
			go func() { defer closers.Done(); client.Close() }()
		}
		closers.Wait()
		took := time.Since(start)
		all.Wait()
		_, err := client.Create(background, validParams())
		equal(t, "field", failed(t, err, r2creds.ErrInvalidArgument).Field, "client")
		return took
	}), 0, promptly)
}

// A client that nobody refers to closes its connection.
func TestAForgottenClientIsCleanedUp(t *testing.T) {
	server := newAPI(t)
	func() {
		client, err := r2creds.NewClient(r2creds.WithAPIToken(apiToken), r2creds.WithBaseURL(server.URL))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Create(background, validParams()); err != nil {
			t.Fatal(err)
		}
	}()
	until(t, "the connection is closed", func() bool {
		runtime.GC()
		return len(server.closed) > 0
	})
}

// A client is not cleaned up under a call that nobody else holds it for.
func TestAClientInUseIsNotForgotten(t *testing.T) {
	released := make(chan struct{})
	server := newAPIThat(t, func(string) {
		for range 5 {
			runtime.GC()
		}
		close(released)
	})
	ctx, cancel := context.WithCancel(background)
	ended := make(chan error)
	go func() {
		client, err := r2creds.NewClient(r2creds.WithAPIToken(apiToken), r2creds.WithBaseURL(server.URL))
		if err == nil {
			_, err = client.Create(ctx, forAccount("hangs"))
		}
		ended <- err
	}()
	await(t, "the collections", released)
	cancel()
	failed(t, <-ended, r2creds.ErrCancelled)
}

// os/exec forks while calls are in flight, and neither side minds.
func TestCommandsRunWhileCallsAreInFlight(t *testing.T) {
	server := newAPI(t)
	client := newClient(t, server.URL)
	ctx, cancel := context.WithCancel(background)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			if worker < 2 {
				if _, err := client.Create(ctx, forAccount("hangs")); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				return
			}
			for ctx.Err() == nil {
				if _, err := client.Create(background, validParams()); err != nil {
					t.Error(err)
					return
				}
				if _, err := r2creds.Sign(signParams()); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	for range 2 {
		await(t, "a call in flight", server.reached)
	}
	for range 50 {
		if output, err := exec.Command("/bin/sh", "-c", "echo ran").Output(); err != nil || string(output) != "ran\n" {
			t.Errorf("%q %v", output, err)
		}
	}
	cancel()
	all.Wait()
}
