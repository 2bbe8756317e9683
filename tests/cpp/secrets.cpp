// No freed block holds a secret: every delete searches what it is given. (Plain builds only: a sanitizer or valgrind
// has its own allocator.)
#include "check.hpp"

#include <malloc.h>
#include <new>

// Long enough that a std::string has it on the heap.
static const char SECRET[] = "00ff00ff11ee11ee22dd22dd33cc33cc44bb44bb55aa55aa6699669977887788";
static int found, searched;

// Kept out of line, or gcc takes malloc and free for a mismatch.
#define APART __attribute__((noinline))

APART void *operator new(std::size_t size) {
    void *block = malloc(size);
    CHECK(block != nullptr);
    return block;
}

APART void operator delete(void *block) noexcept {
    if (block != nullptr) {
        searched++;
        // Any 16 aligned bytes of it.
        for (std::size_t at = 0; at + 16 < sizeof SECRET; at += 16)
            if (memmem(block, malloc_usable_size(block), SECRET + at, 16) != nullptr) found++;
    }
    free(block);
}
APART void operator delete(void *block, std::size_t) noexcept { operator delete(block); }

using r2creds::Secret;

template <class Use>
static void leaves_nothing(const char *name, Use use) {
    trying = name;
    found = searched = 0;
    use();
    CHECK(searched > 0 && found == 0);
}

int main() {
    begin();
    trying = "the search itself";
    {
        const std::string plain(SECRET);
        // As if something read it. Else clang does not write it, because it is deleted next.
        __asm__ volatile("" : : "r"(plain.data()) : "memory");
    }
    CHECK(found > 0);

    leaves_nothing("destroyed", [] { Secret secret = SECRET; });
    leaves_nothing("assigned", [] {
        Secret secret = SECRET;
        secret = "short";
        secret = SECRET;
        const Secret copy = secret;
        secret = copy;
        secret = Secret(std::string_view(SECRET));
        secret = nullptr;
    });
    leaves_nothing("moved in", [] {
        std::string given(SECRET);
        const Secret secret(std::move(given));
        std::string another(SECRET);
        r2creds::ClientOptions options;
        options.api_key = std::move(another);
    });
    leaves_nothing("in a container", [] {
        std::vector<Secret> many;
        for (int i = 0; i < 20; i++) many.push_back(SECRET);
        std::optional<Secret> maybe = SECRET;
        maybe.reset();
        maybe = SECRET;
    });
    leaves_nothing("in params", [] {
        r2creds::Params params = valid("account");
        params.parent_secret_access_key = SECRET;
        r2creds::Params copy = params, moved = std::move(params);
        const auto made = r2creds::sign(copy);
        copy = moved;
        copy.bucket = "-";
        const auto refusal = r2creds::try_sign(copy);
        CHECK(!refusal && !made.session_token().empty());
    });
    leaves_nothing("in options", [] {
        r2creds::ClientOptions options;
        options.api_token = SECRET;
        options.api_email = "someone@example.com";
        options.api_key = SECRET;
        options.proxy_url = std::string_view(SECRET);
        CHECK(!r2creds::Client::try_new(options));
        options.proxy_url = "";
        const r2creds::Client client(options);
    });
    return 0;
}
