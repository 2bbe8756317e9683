// @aws-sdk/client-s3 on the endpoint of r2creds exec --renew: prints how many credentials it has used, four if it can.
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";

const s3 = new S3Client({ forcePathStyle: true });
const tokens = new Set();
s3.middlewareStack.add(
  (next) => (call) => {
    tokens.add(call.request.headers["x-amz-security-token"]);
    return next(call);
  },
  { step: "finalizeRequest", priority: "low" },
);
const end = Date.now() + 60_000;
while (tokens.size < 4 && Date.now() < end) {
  await s3.send(new PutObjectCommand({ Bucket: process.env.R2_BUCKET, Key: "sdks/js", Body: "x" }));
  await new Promise((done) => setTimeout(done, 200));
}
console.log(tokens.size);
