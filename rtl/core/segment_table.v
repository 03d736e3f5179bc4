// segment_table: which sentence the token of each lane belongs to, as the frame's tags said.
//
// write_i stores the tags of two neighbouring lanes, {report, real, segment[3:0]} each, lane 2p in the low bits;
// first_i makes all other lanes padding; both take two clocks. last_o is the index of the last real lane; behind it
// reports_o may be those of an earlier frame. key_o gives {real, segment} of lane key_i two clocks later.
`default_nettype none

module segment_table #(
    parameter integer Lanes = 16
) (
    input  wire                     clk_i,
    input  wire                     write_i,
    input  wire                     first_i,
    input  wire [$clog2(Lanes)-2:0] pair_i,
    input  wire [             11:0] tags_i,
    output wire [      4*Lanes-1:0] segments_o,
    output reg  [        Lanes-1:0] reports_o,
    output reg  [$clog2(Lanes)-1:0] last_o,
    input  wire [$clog2(Lanes)-1:0] key_i,
    output wire [              4:0] key_o
);
  reg [8*Lanes-1:0] tags_q; // {000, real, segment}, a byte a lane

  // The tags wait a clock, so that the stream's handshake does not reach into every lane's table.
  reg write_q, first_q;
  reg [$clog2(Lanes)-2:0] pair_q;
  reg [11:0] new_q;
  wire real_even = new_q[4];
  wire real_odd = new_q[10];

  integer pair;
  always @(posedge clk_i) begin
    write_q <= write_i;
    first_q <= first_i;
    pair_q  <= pair_i;
    new_q   <= tags_i;
    if (write_q) begin
      for (pair = 0; pair < Lanes / 2; pair = pair + 1) begin
        if (pair_q == pair[$clog2(Lanes)-2:0]) begin
          tags_q[16*pair+:16]  <= {3'd0, new_q[10:6], 3'd0, new_q[4:0]};
          reports_o[2*pair+:2] <= {new_q[11], new_q[5]};
        end else if (first_q) begin
          tags_q[16*pair+:16] <= 16'd0;
        end
      end
      if (real_even || real_odd) last_o <= {pair_q, real_odd};
      else if (first_q) last_o <= {$clog2(Lanes) {1'b0}};
    end
  end

  genvar lane;
  generate
    for (lane = 0; lane < Lanes; lane = lane + 1) begin : g_lane
      assign segments_o[4*lane+:4] = tags_q[8*lane+:4];
    end
  endgenerate

  wire [7:0] key;
  wire unused_key = |key[7:5];

  lane_select #(
      .Lanes(Lanes)
  ) u_key (
      .clk_i (clk_i),
      .row_i (tags_q),
      .lane_i(key_i),
      .byte_o(key)
  );

  assign key_o = key[4:0];
endmodule

`default_nettype wire
