# syntax=docker/dockerfile:1

# Three images out of one build: worker, starter (the codec server too), and
# sim, the stand-ins for trying things. Each holds one or two static binaries,
# the certificates of public authorities, and nothing else: no shell, no user
# but a number.
#
#   docker build --target worker --build-arg VERSION=v1.4.0 -t bob-onelogin-worker:v1.4.0 .

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS TARGETARCH
# What --version says; the workflow of releases gives the tag.
ARG VERSION=unreleased
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
    -ldflags="-s -w -X bob-onelogin/internal/version.number=$VERSION" \
    -o /out/ ./worker ./starter ./dev/sim ./dev/forward

# Time zones are in the binaries.
FROM scratch AS base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
USER 65532:65532
# The profile file of Temporal's CLI is looked for below it.
ENV HOME=/

FROM base AS sim
COPY --from=build /out/sim /out/forward /
ENTRYPOINT ["/sim"]

FROM base AS starter
COPY --from=build /out/starter /starter
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["/starter", "healthcheck"]
ENTRYPOINT ["/starter"]
CMD ["serve"]

FROM base AS worker
COPY --from=build /out/worker /worker
EXPOSE 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=40s CMD ["/worker", "healthcheck"]
ENTRYPOINT ["/worker"]
