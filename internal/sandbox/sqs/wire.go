package sqs

// The members of requests and answers, by the names of the SQS API Reference.
// A pointer, map or slice that is nil was absent. The form tag is the name in
// the query protocol where it differs: of a list or map, that of one item, for
// a map followed by the names of its key and value.

type createQueueIn struct {
	Name       *string           `json:"QueueName"`
	Attributes map[string]string `json:"Attributes" form:"Attribute,Name,Value"`
	Tags       map[string]string `json:"tags" form:"Tag,Key,Value"`
}

type queueURLOut struct {
	URL string `json:"QueueUrl"`
}

type getQueueURLIn struct {
	Name  *string `json:"QueueName"`
	Owner string  `json:"QueueOwnerAWSAccountId"`
}

// A queueIn is a request that names nothing but a queue.
type queueIn struct {
	URL *string `json:"QueueUrl"`
}

type empty struct{}

type listQueuesIn struct {
	Prefix     string `json:"QueueNamePrefix"`
	MaxResults *int   `json:"MaxResults"`
	NextToken  string `json:"NextToken"`
}

type listQueuesOut struct {
	URLs      []string `json:"QueueUrls,omitempty" form:"QueueUrl"`
	NextToken string   `json:"NextToken,omitempty"`
}

type listSourcesIn struct {
	URL        *string `json:"QueueUrl"`
	MaxResults *int    `json:"MaxResults"`
	NextToken  string  `json:"NextToken"`
}

type listSourcesOut struct {
	URLs      []string `json:"queueUrls" form:"QueueUrl"`
	NextToken string   `json:"NextToken,omitempty"`
}

type getAttributesIn struct {
	URL   *string  `json:"QueueUrl"`
	Names []string `json:"AttributeNames" form:"AttributeName"`
}

type getAttributesOut struct {
	Attributes map[string]string `json:"Attributes,omitempty" form:"Attribute,Name,Value"`
}

type setAttributesIn struct {
	URL        *string           `json:"QueueUrl"`
	Attributes map[string]string `json:"Attributes" form:"Attribute,Name,Value"`
}

type addPermissionIn struct {
	URL      *string  `json:"QueueUrl"`
	Label    *string  `json:"Label"`
	Accounts []string `json:"AWSAccountIds" form:"AWSAccountId"`
	Actions  []string `json:"Actions" form:"ActionName"`
}

type removePermissionIn struct {
	URL   *string `json:"QueueUrl"`
	Label *string `json:"Label"`
}

type tagQueueIn struct {
	URL  *string           `json:"QueueUrl"`
	Tags map[string]string `json:"Tags" form:"Tag,Key,Value"`
}

type untagQueueIn struct {
	URL  *string  `json:"QueueUrl"`
	Keys []string `json:"TagKeys" form:"TagKey"`
}

type listTagsOut struct {
	Tags map[string]string `json:"Tags,omitempty" form:"Tag,Key,Value"`
}

// An entry is what SendMessage and each entry of SendMessageBatch have in common.
type entry struct {
	ID         *string              `json:"Id"` // of a batch only
	Body       *string              `json:"MessageBody"`
	Delay      *int                 `json:"DelaySeconds"`
	Attributes map[string]attribute `json:"MessageAttributes" form:"MessageAttribute,Name,Value"`
	System     map[string]attribute `json:"MessageSystemAttributes" form:"MessageSystemAttribute,Name,Value"`
	DedupID    *string              `json:"MessageDeduplicationId"`
	GroupID    *string              `json:"MessageGroupId"`
}

type sendIn struct {
	URL *string `json:"QueueUrl"`
	entry
}

type sendOut struct {
	ID            string `json:"Id,omitempty"` // of a batch only
	MessageID     string `json:"MessageId"`
	MD5Body       string `json:"MD5OfMessageBody"`
	MD5Attributes string `json:"MD5OfMessageAttributes,omitempty"`
	MD5System     string `json:"MD5OfMessageSystemAttributes,omitempty"`
	Sequence      string `json:"SequenceNumber,omitempty"`
}

type sendBatchIn struct {
	URL     *string `json:"QueueUrl"`
	Entries []entry `json:"Entries" form:"SendMessageBatchRequestEntry"`
}

type sendBatchOut struct {
	Successful []sendOut `json:"Successful" form:"SendMessageBatchResultEntry"`
	Failed     []failure `json:"Failed,omitempty" form:"BatchResultErrorEntry"`
}

// A failure is the entry of a batch that could not be done.
type failure struct {
	ID          string `json:"Id"`
	SenderFault bool   `json:"SenderFault"`
	Code        string `json:"Code"`
	Message     string `json:"Message,omitempty"`
}

// A success is the entry of a batch that was done and has nothing to tell.
type success struct {
	ID string `json:"Id"`
}

type receiveIn struct {
	URL            *string  `json:"QueueUrl"`
	AttributeNames []string `json:"AttributeNames" form:"AttributeName"`
	SystemNames    []string `json:"MessageSystemAttributeNames" form:"MessageSystemAttributeName"`
	MessageNames   []string `json:"MessageAttributeNames" form:"MessageAttributeName"`
	Max            *int     `json:"MaxNumberOfMessages"`
	Visibility     *int     `json:"VisibilityTimeout"`
	Wait           *int     `json:"WaitTimeSeconds"`
}

type receiveOut struct {
	Messages []received `json:"Messages,omitempty" form:"Message"`
}

type received struct {
	ID                string               `json:"MessageId"`
	Handle            string               `json:"ReceiptHandle"`
	MD5Body           string               `json:"MD5OfBody"`
	Body              string               `json:"Body"`
	Attributes        map[string]string    `json:"Attributes,omitempty" form:"Attribute,Name,Value"`
	MD5Attributes     string               `json:"MD5OfMessageAttributes,omitempty"`
	MessageAttributes map[string]attribute `json:"MessageAttributes,omitempty" form:"MessageAttribute,Name,Value"`
}

type deleteIn struct {
	URL    *string `json:"QueueUrl"`
	Handle *string `json:"ReceiptHandle"`
}

// A handleEntry is one entry of DeleteMessageBatch, which has no timeout, and
// of ChangeMessageVisibilityBatch.
type handleEntry struct {
	ID      *string `json:"Id"`
	Handle  *string `json:"ReceiptHandle"`
	Timeout *int    `json:"VisibilityTimeout"`
}

type deleteBatchIn struct {
	URL     *string       `json:"QueueUrl"`
	Entries []handleEntry `json:"Entries" form:"DeleteMessageBatchRequestEntry"`
}

type deleteBatchOut struct {
	Successful []success `json:"Successful" form:"DeleteMessageBatchResultEntry"`
	Failed     []failure `json:"Failed,omitempty" form:"BatchResultErrorEntry"`
}

type visibilityIn struct {
	URL     *string `json:"QueueUrl"`
	Handle  *string `json:"ReceiptHandle"`
	Timeout *int    `json:"VisibilityTimeout"`
}

type visibilityBatchIn struct {
	URL     *string       `json:"QueueUrl"`
	Entries []handleEntry `json:"Entries" form:"ChangeMessageVisibilityBatchRequestEntry"`
}

type visibilityBatchOut struct {
	Successful []success `json:"Successful" form:"ChangeMessageVisibilityBatchResultEntry"`
	Failed     []failure `json:"Failed,omitempty" form:"BatchResultErrorEntry"`
}

type startMoveIn struct {
	Source      *string `json:"SourceArn"`
	Destination string  `json:"DestinationArn"`
	Rate        *int    `json:"MaxNumberOfMessagesPerSecond"`
}

type startMoveOut struct {
	Handle string `json:"TaskHandle"`
}

type cancelMoveIn struct {
	Handle *string `json:"TaskHandle"`
}

type cancelMoveOut struct {
	Moved int `json:"ApproximateNumberOfMessagesMoved"`
}

type listMovesIn struct {
	Source     *string `json:"SourceArn"`
	MaxResults *int    `json:"MaxResults"`
}

type listMovesOut struct {
	Results []taskOut `json:"Results" form:"ListMessageMoveTasksResultEntry"`
}

type taskOut struct {
	Handle      string `json:"TaskHandle,omitempty"` // of a running task only
	Status      string `json:"Status"`
	Source      string `json:"SourceArn"`
	Destination string `json:"DestinationArn,omitempty"`
	Rate        int    `json:"MaxNumberOfMessagesPerSecond,omitempty"`
	Moved       int    `json:"ApproximateNumberOfMessagesMoved"`
	ToMove      int    `json:"ApproximateNumberOfMessagesToMove"`
	Reason      string `json:"FailureReason,omitempty"`
	Started     int64  `json:"StartedTimestamp"` // in milliseconds
}
