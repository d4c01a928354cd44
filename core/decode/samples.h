/* samples.h - the messages of BatchCompute's documentation ("Notification", message format), as
 * they stand there, for tests. */
#ifndef DECODE_SAMPLES_H
#define DECODE_SAMPLES_H

static const char *const samples[] = {
    " {\n"
    "    \"Category\": \"Cluster\",\n"
    "    \"ClusterId\": \"cls-hr2rbl6qt5gki7392b8001\",\n"
    "    \"ClusterName\": \"test-cluster\",\n"
    "    \"CreationTime\": \"2016-11-01T15:25:02.837728Z\",\n"
    "    \"State\": \"Deleted\",\n"
    "    \"Event\": \"OnClusterDeleted\"\n"
    "}\n",

    "{\n"
    "    \"Category\": \"Cluster\",\n"
    "    \"ClusterId\": \"cls-hr2rbl6qt5gki7392b8001\",\n"
    "    \"Group\": \"group1\",\n"
    "    \"InstanceId\": \"i-wz9c51g2s6zsrtnqi4fa\",\n"
    "    \"InnerIpAddress\": \"10.45.168.26\",\n"
    "    \"Hints\": \"\",\n"
    "    \"State\": \"Starting\",\n"
    "    \"CreationTime\": \"2016-11-01T15:25:02.837728Z\",\n"
    "    \"Event\": \"OnInstanceCreated\"\n"
    "}\n",

    "{\n"
    "    \"Category\": \"Job\",\n"
    "    \"JobId\": \"job-0000000058524720000077E900007257\",\n"
    "    \"JobName\": \"test-job\",\n"
    "    \"Event\": \"OnJobWaiting\",\n"
    "    \"State\": \"Waiting\",\n"
    "    \"CreationTime\": \"2016-11-01T15:25:02.837728Z\",\n"
    "    \"StartTime\": \"2016-11-01T15:35:02.837728Z\",\n"
    "    \"EndTime\": \"2016-11-01T15:45:02.837728Z\",\n"
    "    \"Message\": \"\"\n"
    "}\n",

    "{\n"
    "    \"Category\": \"Job\",\n"
    "    \"JobId\": \"job-0000000058524720000077E900007257\",\n"
    "    \"Task\": \"Echo\",\n"
    "    \"Event\": \"OnTaskWaiting\",\n"
    "    \"State\": \"Waiting\",\n"
    "    \"StartTime\": \"2016-11-01T15:35:02.837728Z\",\n"
    "    \"EndTime\": \"2016-11-01T15:45:02.837728Z\"\n"
    "}\n",

    "{\n"
    "    \"Category\": \"Job\",\n"
    "    \"JobId\": \"job-0000000058524720000077E900007257\",\n"
    "    \"Task\": \"Echo\",\n"
    "    \"InstanceId\": \"0\",\n"
    "    \"Event\": \"OnInstanceWaiting\",\n"
    "    \"State\": \"Waiting\",\n"
    "    \"StartTime\": \"2016-11-01T15:35:02.837728Z\",\n"
    "    \"EndTime\": \"2016-11-01T15:45:02.837728Z\",\n"
    "    \"RetryCount\": \"0\",\n"
    "    \"Progress\": \"0\",\n"
    "    \"StdoutRedirectPath\": \"oss://bucket/tests/a44c0ad8-a003-11e6-8f8e-fefec0a80e06/logs/"
    "stderr.job-0000000058184218000008150000000D.task.0\",\n"
    "    \"StderrRedirectPath\": \"oss://bucket/tests/a44c0ad8-a003-11e6-8f8e-fefec0a80e06/logs/"
    "stdout.job-0000000058184218000008150000000D.task.0\",\n"
    "    \"ExitCode\": \"0\",\n"
    "    \"ErrorCode\": \"\",\n"
    "    \"ErrorMessage\": \"\",\n"
    "    \"Detail\": \"\"\n"
    "}\n",

    "{\n"
    "    \"Category\": \"Job\",\n"
    "    \"JobId\": \"job-0000000058524720000077E900007257\",\n"
    "    \"JobName\": \"test-job\",\n"
    "    \"Event\": \"OnPriorityChange\",\n"
    "    \"State\": \"Waiting\",\n"
    "    \"CreationTime\": \"2016-11-01T15:45:02.837728Z\",\n"
    "    \"StartTime\": \"2016-11-01T15:55:02.837728Z\",\n"
    "    \"EndTime\": \"2016-11-01T15:57:02.837728Z\",\n"
    "    \"Message\": \"\",\n"
    "    \"From\": \"10\",\n"
    "    \"To\": \"20\"\n"
    "}\n",
};

enum { SAMPLE_COUNT = sizeof samples / sizeof *samples };

#endif
