import java.util.HashSet;
import java.util.Set;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.PutObjectRequest;

/** Java's SDK on the endpoint of r2creds exec --renew: prints how many credentials it has used, four if it can. */
public class Client {
    public static void main(String[] arguments) throws InterruptedException {
        Set<String> tokens = new HashSet<>();
        ExecutionInterceptor looks = new ExecutionInterceptor() {
            @Override
            public void beforeTransmission(Context.BeforeTransmission context, ExecutionAttributes attributes) {
                context.httpRequest().firstMatchingHeader("X-Amz-Security-Token").ifPresent(tokens::add);
            }
        };
        PutObjectRequest put = PutObjectRequest.builder().bucket(System.getenv("R2_BUCKET")).key("sdks/java").build();
        try (S3Client s3 = S3Client.builder().forcePathStyle(true)
                .overrideConfiguration(options -> options.addExecutionInterceptor(looks)).build()) {
            long end = System.currentTimeMillis() + 60_000;
            while (tokens.size() < 4 && System.currentTimeMillis() < end) {
                s3.putObject(put, RequestBody.fromString("x"));
                Thread.sleep(200);
            }
        }
        System.out.println(tokens.size());
    }
}
