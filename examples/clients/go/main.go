// Makes a video of a talk: upload, job, events, video. Connections may break at any of them.
//
//	go run . TALK VIDEO GATEWAY
//
// S2V_TOKEN is an API key or token; S2V_CLIENT_TLS=on speaks TLS.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "example.com/s2v/v1"
)

const (
	messageBytes  = 256 << 10
	callSeconds   = 30 * time.Second
	createSeconds = 5 * time.Minute // the gateway reads the whole file
	attempts      = 8
)

type client struct {
	jobs pb.JobServiceClient
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: go run . TALK VIDEO GATEWAY")
		os.Exit(2)
	}
	if err := makeVideo(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, status.Convert(err).Message())
		os.Exit(1)
	}
}

func makeVideo(talk, video, target string) error {
	transport := grpc.WithInsecure()
	if os.Getenv("S2V_CLIENT_TLS") == "on" {
		transport = grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12}))
	}
	connection, err := grpc.Dial(target, transport)
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx := context.Background()
	if token := os.Getenv("S2V_TOKEN"); token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	c := client{pb.NewJobServiceClient(connection)}
	upload, err := c.upload(ctx, talk)
	if err != nil {
		return err
	}
	job, err := c.createJob(ctx, upload, &pb.JobOptions{Height: 720, FrameRate: 24})
	if err != nil {
		return err
	}
	fmt.Printf("job %s: %.1f s of sound\n", job.Id, job.SourceSeconds)
	if err := c.watch(ctx, job.Id, printEvent); err != nil {
		return err
	}
	var ended *pb.GetJobResponse
	err = persist(ctx, callSeconds, func(ctx context.Context) (err error) {
		ended, err = c.jobs.GetJob(ctx, &pb.GetJobRequest{JobId: job.Id})
		return err
	})
	if err != nil {
		return err
	}
	if ended.Job.State != pb.JobState_JOB_STATE_SUCCEEDED {
		return fmt.Errorf("the job is %s: %s", ended.Job.State, ended.Job.Error.GetMessage())
	}
	if err := c.download(ctx, job.Id, "video.mp4", video); err != nil {
		return err
	}
	fmt.Println("the video is", video)
	return nil
}

// upload sends a file, going on where a broken stream left off, and returns the upload's id.
func (c client) upload(ctx context.Context, path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256(data)
	var started *pb.StartUploadResponse
	err = persist(ctx, callSeconds, func(ctx context.Context) (err error) {
		started, err = c.jobs.StartUpload(ctx, &pb.StartUploadRequest{
			Name: filepath.Base(path), SizeBytes: int64(len(data)), Sha256: hex.EncodeToString(digest[:]),
		})
		return err
	})
	if err != nil {
		return "", err
	}
	id := started.UploadId
	return id, persist(ctx, createSeconds, func(ctx context.Context) error {
		there, err := c.jobs.QueryUpload(ctx, &pb.QueryUploadRequest{UploadId: id})
		if err != nil || there.Complete {
			return err
		}
		stream, err := c.jobs.WriteUpload(ctx)
		if err != nil {
			return err
		}
		for offset := int(there.CommittedSize); offset < len(data); {
			end := offset + messageBytes
			if end > len(data) {
				end = len(data)
			}
			err := stream.Send(&pb.WriteUploadRequest{UploadId: id, WriteOffset: int64(offset), Data: data[offset:end]})
			if err == io.EOF { // the server has ended the stream; CloseAndRecv says why
				break
			} else if err != nil {
				return err
			}
			offset = end
			fmt.Printf("%d of %d bytes are sent\n", offset, len(data))
		}
		_, err = stream.CloseAndRecv()
		return err
	})
}

// createJob makes a job of an upload, once however often the call is sent: the request's id stays the same.
func (c client) createJob(ctx context.Context, upload string, options *pb.JobOptions) (*pb.Job, error) {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return nil, err
	}
	var response *pb.CreateJobResponse
	err := persist(ctx, createSeconds, func(ctx context.Context) (err error) {
		response, err = c.jobs.CreateJob(ctx, &pb.CreateJobRequest{RequestId: hex.EncodeToString(id), UploadId: upload, Options: options})
		return err
	})
	return response.GetJob(), err
}

// watch tells a job's events to the last one; a stream that breaks is taken up after its last event.
func (c client) watch(ctx context.Context, job string, tell func(*pb.JobEvent)) error {
	var after uint64
	for failures := 1; ; failures++ {
		err := func() error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			stream, err := c.jobs.WatchJob(ctx, &pb.WatchJobRequest{JobId: job, AfterSequence: after})
			if err != nil {
				return err
			}
			for {
				response, err := stream.Recv()
				if err != nil {
					return err
				}
				after, failures = response.Event.Sequence, 0
				tell(response.Event)
				if state := response.Event.GetStateChanged().GetState(); state >= pb.JobState_JOB_STATE_SUCCEEDED {
					return nil
				}
			}
		}()
		if err == nil || !mayHelp(err) && err != io.EOF || failures >= attempts {
			return err
		}
		time.Sleep(pause(failures, err))
	}
}

// download writes an artifact; the file appears only when the whole is there and its SHA-256 is right.
func (c client) download(ctx context.Context, job, name, path string) error {
	return persist(ctx, createSeconds, func(ctx context.Context) error {
		stream, err := c.jobs.GetArtifact(ctx, &pb.GetArtifactRequest{JobId: job, Name: name})
		if err != nil {
			return err
		}
		var artifact *pb.Artifact
		var data bytes.Buffer
		for {
			response, err := stream.Recv()
			if err == io.EOF {
				break
			} else if err != nil {
				return err
			}
			if response.Artifact != nil {
				artifact = response.Artifact
			}
			data.Write(response.Data)
		}
		if digest := sha256.Sum256(data.Bytes()); hex.EncodeToString(digest[:]) != artifact.GetObject().GetSha256() {
			return errors.New(name + " arrived damaged; download it again")
		}
		if err := os.WriteFile(path+".part", data.Bytes(), 0o644); err != nil {
			return err
		}
		return os.Rename(path+".part", path)
	})
}

// persist makes a call again while that may help. All of those used here may be repeated.
func persist(ctx context.Context, limit time.Duration, call func(context.Context) error) error {
	for failures := 1; ; failures++ {
		limited, cancel := context.WithTimeout(ctx, limit)
		err := call(limited)
		cancel()
		// OUT_OF_RANGE: a stream that broke has stored its last bytes only now.
		if err == nil || !mayHelp(err) && status.Code(err) != codes.OutOfRange || failures == attempts {
			return err
		}
		time.Sleep(pause(failures, err))
	}
}

// mayHelp says whether the connection broke, or the gateway says when to come again.
func mayHelp(err error) bool {
	return status.Code(err) == codes.Unavailable || retryAfter(err) > 0
}

func pause(failures int, err error) time.Duration {
	wait := 200 * time.Millisecond << failures
	if wait > 5*time.Second {
		wait = 5 * time.Second
	}
	if told := retryAfter(err); told > wait {
		return told
	}
	return wait
}

// retryAfter returns what google.rpc.RetryInfo says; 0: nothing.
func retryAfter(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return time.Duration(info.RetryDelay.Seconds)*time.Second + time.Duration(info.RetryDelay.Nanos)
		}
	}
	return 0
}

func printEvent(event *pb.JobEvent) {
	switch what := event.Event.(type) {
	case *pb.JobEvent_StateChanged:
		fmt.Println("the job is", what.StateChanged.State)
	case *pb.JobEvent_PartFinished:
		fmt.Printf("%s: %d of %d parts\n", what.PartFinished.Stage, what.PartFinished.PartsDone, what.PartFinished.PartsTotal)
	case *pb.JobEvent_StageFinished:
		fmt.Printf("%s: done in %.1f s\n", what.StageFinished.Report.Stage, what.StageFinished.Report.WallSeconds)
	case *pb.JobEvent_AttemptFailed:
		fmt.Printf("%s: attempt %d failed: %s\n", what.AttemptFailed.Stage, what.AttemptFailed.Attempt, what.AttemptFailed.Error.Message)
	}
}
