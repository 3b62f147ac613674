# Rowseal as one long-lived container.
#
#   docker build -t rowseal .
#   docker run --read-only -v "$PWD:/etc/rowseal" -v rowseal-data:/var/lib/rowseal -p 127.0.0.1:8484:8484 rowseal
#
# Reproducible: name the base by digest, and give every file one time. Two such builds have the same layers. They have the same
# image id too in Podman's own format (OCI, which has no HEALTHCHECK: orchestrators have probes); with --format=docker it holds a random host name.
#
#   docker buildx build --build-arg NODE_IMAGE=node:24-bookworm-slim@sha256:… \
#     --build-arg SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)" --output type=image,name=rowseal,rewrite-timestamp=true .
#   podman build --build-arg NODE_IMAGE=… --identity-label=false --timestamp "$(git log -1 --format=%ct)" -t rowseal .
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# Install scripts are for development only (embedded servers, the pinned Node): nothing in production needs one.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY connectors ./connectors
# What only people and compilers read goes: a third of the weight. Licences stay. The modes are ours, not those that the umask of
# whoever cloned gave the files: the image would differ, and could not read its own package.json after a strict one.
RUN npm run build \
  && npm prune --omit=dev --ignore-scripts \
  && find node_modules dist -type f \( -name '*.map' -o -name '*.[cm]ts' -o -name '*.ts' -o -name '*.tsbuildinfo' \) -delete \
  && find node_modules -type f -name '*.md' ! -iname 'licen[cs]e*' ! -iname 'notice*' -delete \
  && rm -rf node_modules/.package-lock.json node_modules/.bin node_modules/libphonenumber-js/bundle \
  && chmod -R u=rwX,go=rX node_modules dist package.json

FROM ${NODE_IMAGE}
# Nothing installs packages in a running container.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn-*
# Few malloc arenas: with one per thread, memory that DuckDB gave back stays with the process.
ENV NODE_ENV=production MALLOC_ARENA_MAX=2
COPY --from=build /build/node_modules /app/node_modules
COPY --from=build /build/dist /app/dist
COPY --from=build /build/package.json /app/package.json
# `docker exec … rowseal status` finds the same program, with the same switches of the runtime, as the container runs: no
# inspector on a signal, no environment in crash reports. `exec`: signals reach it, not a shell.
RUN printf '%s\n' '#!/bin/sh' \
    'exec node --max-semi-space-size=4 --disable-sigusr1 --report-exclude-env /app/dist/src/cli/main.js "$@"' \
    > /usr/local/bin/rowseal \
  && chmod 755 /usr/local/bin/rowseal \
  && install -d -o node -g node /var/lib/rowseal /etc/rowseal
USER node
# Commands look for ./rowseal.yaml, so none of them needs --config here.
WORKDIR /etc/rowseal
VOLUME /var/lib/rowseal
EXPOSE 8484
STOPSIGNAL SIGTERM
# Asks the address that the configuration names.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["rowseal", "health"]
ENTRYPOINT ["rowseal"]
CMD ["run"]
LABEL org.opencontainers.image.title="Rowseal" \
  org.opencontainers.image.description="Change data capture that masks in memory, seals and delivers exactly once" \
  org.opencontainers.image.licenses="Apache-2.0"
