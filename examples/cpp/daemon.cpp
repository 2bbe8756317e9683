// daemon: uploads every file that is put into a folder, and removes it, for months. Eight threads, one provider.
//
//   c++ -std=c++17 daemon.cpp -o daemon $(pkg-config --cflags --libs r2creds libcurl) -pthread
//   ./daemon FOLDER
//
// Ends on SIGTERM and SIGINT, once what is being sent has been sent. A file is put there under a name that begins with
// a dot and renamed when it is complete. Needs CLOUDFLARE_ACCOUNT_ID, R2_BUCKET and R2_PARENT_ACCESS_KEY_ID, and
// CLOUDFLARE_API_TOKEN to ask Cloudflare, or R2_PARENT_SECRET_ACCESS_KEY to sign; R2_ENDPOINT, if set, replaces the
// account's own.
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <curl/curl.h>

#include "r2creds.hpp"

namespace fs = std::filesystem;

namespace {

class Daemon {
  public:
    Daemon(fs::path folder, std::string bucket, const r2creds::Provider &provider)
        : folder_(std::move(folder)), bucket_(std::move(bucket)), provider_(provider) {}

    void work() {
        const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), curl_easy_cleanup);
        std::unique_lock lock(mutex_);
        while (curl && !is_stopping_) {
            lock.unlock();
            bool is_sent = false;
            try {
                is_sent = send_one(curl.get());
            } catch (const r2creds::Error &error) {
                std::cerr << "daemon: " << error.what() << '\n' << error.hint().value_or("") << '\n';
            }
            lock.lock();
            if (!is_sent) stopped_.wait_for(lock, std::chrono::seconds(1), [this] { return is_stopping_; });
        }
    }

    void stop() {
        cancel_.trigger();  // who waits for a credential waits no longer
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
        stopped_.notify_all();
    }

  private:
    // Sends one of the files; false if there is none, or it could not be sent.
    bool send_one(CURL *curl) {
        for (const auto &entry : fs::directory_iterator(folder_)) {
            const std::string name = entry.path().filename().string();
            const fs::path mine = folder_ / (".sending-" + name);
            std::error_code failed;
            if (name[0] == '.') continue;
            fs::rename(entry.path(), mine, failed);  // of several threads that see it, one succeeds
            if (failed) continue;
            bool is_sent = false;
            try {
                is_sent = send(curl, mine, name);
            } catch (...) {
                fs::rename(mine, entry.path(), failed);
                throw;
            }
            if (is_sent) fs::remove(mine, failed);
            else fs::rename(mine, entry.path(), failed);
            return is_sent;
        }
        return false;
    }

    // Sends one file with a credential that is good now.
    bool send(CURL *curl, const fs::path &path, const std::string &key) {
        r2creds::RequestOptions wait;
        wait.cancel = cancel_;
        const r2creds::Credentials credentials = provider_.get(wait);
        const std::unique_ptr<std::FILE, decltype(&std::fclose)> file(std::fopen(path.c_str(), "rb"), std::fclose);
        // A file's name has no slash, which S3 does not want escaped.
        const std::unique_ptr<char, decltype(&curl_free)> name(curl_easy_escape(curl, key.c_str(), 0), curl_free);
        if (!file || !name) return false;
        const std::string url = std::string(credentials.endpoint()) + "/" + bucket_ + "/" + name.get();
        std::string token = "x-amz-security-token: " + std::string(credentials.session_token());
        std::string hash = "x-amz-content-sha256: UNSIGNED-PAYLOAD";  // see put.c
        curl_slist second{hash.data(), nullptr}, first{token.data(), &second};
        std::string answer;
        curl_easy_reset(curl);  // keeps the connection
        curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
        curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, "aws:amz:auto:s3");
        curl_easy_setopt(curl, CURLOPT_USERNAME, credentials.access_key_id().data());
        curl_easy_setopt(curl, CURLOPT_PASSWORD, credentials.secret_access_key().data());
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, &first);
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_READDATA, file.get());
        curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(fs::file_size(path)));
        curl_easy_setopt(curl, CURLOPT_EXPECT_100_TIMEOUT_MS, 50L);  // see put.c
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 30L);
        const CURLcode code = curl_easy_perform(curl);
        long status = 0;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        if (code != CURLE_OK) std::cerr << "daemon: " << key << ": " << curl_easy_strerror(code) << '\n';
        else if (status != 200) std::cerr << "daemon: " << key << ": HTTP " << status << ' ' << answer << '\n';
        // The credential itself was refused: its parent key was revoked, for example. Not so with AccessDenied.
        if (status == 401 || answer.find("SignatureDoesNotMatch") != std::string::npos ||
            answer.find("X-Amz-Security-Token") != std::string::npos)
            provider_.reject(credentials);
        return code == CURLE_OK && status == 200;
    }

    static std::size_t keep(char *data, std::size_t size, std::size_t count, void *answer) {
        static_cast<std::string *>(answer)->append(data, size * count);
        return size * count;
    }

    const fs::path folder_;
    const std::string bucket_;
    const r2creds::Provider &provider_;
    const r2creds::CancelToken cancel_;
    std::mutex mutex_;
    std::condition_variable stopped_;
    bool is_stopping_ = false;
};

// A provider that asks Cloudflare where there is a token, and signs where there is none.
r2creds::Provider make_provider() {
    r2creds::Params params;
    params.account_id = std::getenv("CLOUDFLARE_ACCOUNT_ID");
    params.bucket = std::getenv("R2_BUCKET");
    params.parent_access_key_id = std::getenv("R2_PARENT_ACCESS_KEY_ID");
    params.endpoint = std::getenv("R2_ENDPOINT");
    if (std::getenv("CLOUDFLARE_API_TOKEN") != nullptr) {
        params.permission = r2creds::Permission::object_read_write;
        return r2creds::Provider(r2creds::Client(), params);
    }
    params.parent_secret_access_key = std::getenv("R2_PARENT_SECRET_ACCESS_KEY");
    params.actions = {"PutObject"};
    return r2creds::Provider(params);
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 2) return std::cerr << "usage: daemon FOLDER\n", 2;
    try {
        const r2creds::Provider provider = make_provider();
        if (!fs::is_directory(argv[1])) return std::cerr << "daemon: " << argv[1] << " is no folder\n", EXIT_FAILURE;
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return EXIT_FAILURE;
        Daemon daemon(argv[1], std::getenv("R2_BUCKET"), provider);

        // Blocked in every thread, and taken here.
        sigset_t ends;
        sigemptyset(&ends);
        sigaddset(&ends, SIGTERM);
        sigaddset(&ends, SIGINT);
        pthread_sigmask(SIG_BLOCK, &ends, nullptr);
        std::vector<std::thread> threads;
        for (int i = 0; i < 8; i++) threads.emplace_back([&] { daemon.work(); });
        int signal = 0;
        sigwait(&ends, &signal);
        daemon.stop();
        for (std::thread &thread : threads) thread.join();
        curl_global_cleanup();
    } catch (const r2creds::Error &error) {
        std::cerr << "daemon: " << error.what() << '\n' << error.hint().value_or("") << '\n';
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
